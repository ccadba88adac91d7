"""Jinja as chat templates expect it: a sandbox with the names that transformers gives to templates.

A template is somebody else's program, so it runs without access to Python. What it may use beyond
Jinja itself is what `_compile_jinja_template` of transformers 5.23 adds; a test compares the two.
Jinja comes with an extra, so it is imported when the first template is compiled.
"""

import datetime
import json
from typing import Any


def template_environment() -> Any:
    """The environment in which chat templates are compiled."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[generation_block(), "jinja2.ext.loopcontrols"],
    )
    environment.filters["tojson"] = tojson
    environment.globals |= {
        "raise_exception": raise_exception,
        "strftime_now": strftime_now,
        "dict": TemplateDict(),
        "namespace": namespace_without_underscores(),
    }
    return environment


def tojson(
    x: Any,
    ensure_ascii: Any = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: Any = False,
) -> str:
    r"""A value as JSON; Jinja's own filter would write `<` as `\u003c`, for web pages."""
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def raise_exception(message: str) -> None:
    """Raise the error of a template that refuses its messages."""
    from jinja2.exceptions import TemplateError

    raise TemplateError(message)


def strftime_now(format: str) -> str:
    """The local time now, written in this format."""
    return datetime.datetime.now().strftime(format)


class TemplateDict:
    """`dict` for templates, as a function and not as a class."""

    def __call__(self, *args: Any, **items: Any) -> dict[Any, Any]:
        """Make a dictionary."""
        return dict(*args, **items)

    def fromkeys(self, *args: Any, **items: Any) -> dict[Any, Any]:
        """Make one from its keys."""
        return dict.fromkeys(*args, **items)


def generation_block() -> type[Any]:
    """`{% generation %}` marks what a model is trained on; here it only writes what it holds."""
    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser

    class GenerationBlock(Extension):
        tags = {"generation"}  # noqa: RUF012  as Jinja has it

        def parse(self, parser: Parser) -> nodes.Node:
            """A call block, which keeps the variables that are set inside to itself."""
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("write"), [], [], body).set_lineno(line)

        def write(self, caller: Any) -> str:
            """Return the text inside the block."""
            return caller()

    return GenerationBlock


def namespace_without_underscores() -> type[Any]:
    """Variables that a loop may change; a name with an underscore could lead into Python."""
    from jinja2.exceptions import SecurityError
    from jinja2.utils import Namespace

    def check(name: Any) -> None:
        if isinstance(name, str) and name.startswith("_"):
            raise SecurityError(f"a name in a namespace begins with an underscore: {name!r}")

    class TemplateNamespace(Namespace):
        def __init__(*args: Any, **attributes: Any) -> None:  # a variable may be called `self`
            self, *given = args
            attributes = dict(*given, **attributes)
            for name in attributes:
                check(name)
            Namespace.__init__(self, attributes)

        def __setitem__(self, name: str, value: Any) -> None:
            check(name)
            Namespace.__setitem__(self, name, value)

    return TemplateNamespace
