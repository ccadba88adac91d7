"""Jinja as chat templates expect it: a sandbox with the functions that transformers provides.

A template is untrusted code, so it runs without access to Python. Beyond Jinja itself it may use
what `_compile_jinja_template` of transformers 5.23 adds; a test compares the two. Jinja comes with
an extra, so it is imported only when the first template is compiled.
"""

import datetime
import json
from typing import Any


def template_environment() -> Any:
    """Return the environment in which chat templates are compiled."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[generation_block(), "jinja2.ext.loopcontrols"],
    )
    environment.filters["tojson"] = tojson
    environment.globals |= {
        "raise_exception": raise_exception,
        "strftime_now": lambda format: datetime.datetime.now().strftime(format),
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
    r"""Return a value as JSON; Jinja's own filter would write `<` as `\u003c`, for web pages."""
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def raise_exception(message: str) -> None:
    """Raise the error with which a template refuses its messages."""
    from jinja2.exceptions import TemplateError

    raise TemplateError(message)


class TemplateDict:
    """Function `dict` for templates, without access to the class."""

    def __call__(self, *args: Any, **items: Any) -> dict[Any, Any]:
        """Return a new dictionary."""
        return dict(*args, **items)

    def fromkeys(self, *args: Any, **items: Any) -> dict[Any, Any]:
        """Return a dictionary with these keys and one value."""
        return dict.fromkeys(*args, **items)


def generation_block() -> type[Any]:
    """Return an extension for `{% generation %}` blocks, which mark trained text in transformers.

    Here a block only writes its content.
    """
    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser

    class GenerationBlock(Extension):
        tags = {"generation"}  # noqa: RUF012  Jinja requires a class attribute

        def parse(self, parser: Parser) -> nodes.Node:
            """Parse a block as a call block, so that variables set inside stay local."""
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("write"), [], [], body).set_lineno(line)

        def write(self, caller: Any) -> str:
            """Return the text inside the block, unchanged."""
            return caller()

    return GenerationBlock


def namespace_without_underscores() -> type[Any]:
    """Return Jinja's `namespace` without names that begin with an underscore.

    Such a name could give a template access to Python.
    """
    from jinja2.exceptions import SecurityError
    from jinja2.utils import Namespace

    def check(name: Any) -> None:
        if isinstance(name, str) and name.startswith("_"):
            raise SecurityError(
                f"a name in a namespace must not begin with an underscore: {name!r}"
            )

    class TemplateNamespace(Namespace):
        def __init__(*args: Any, **attributes: Any) -> None:  # a variable may be called `self`
            self, *values = args
            attributes = dict(*values, **attributes)
            for name in attributes:
                check(name)
            Namespace.__init__(self, attributes)

        def __setitem__(self, name: str, value: Any) -> None:
            check(name)
            Namespace.__setitem__(self, name, value)

    return TemplateNamespace
