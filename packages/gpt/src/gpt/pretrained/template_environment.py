"""Jinja as chat templates expect it: a sandbox with the names that transformers gives to templates.

A template is somebody else's program, so it runs without access to Python. What it may use beyond
Jinja itself is what `_compile_jinja_template` of transformers 5.23 adds; a test compares the two.
Needs the extra `smollm2`.
"""

import datetime
import json
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace


class GenerationBlock(Extension):
    """`{% generation %}` marks what a model is trained on; here it only writes what it holds."""

    tags = frozenset({"generation"})  # pyright: ignore[reportAssignmentType]

    def parse(self, parser: Parser) -> nodes.Node:
        """A call block, which keeps the variables that are set inside to itself."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("write")
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def write(self, caller: Any) -> str:
        """What the block holds."""
        return caller()


class TemplateNamespace(Namespace):
    """Variables that a loop may change, none of which begins with an underscore."""

    def __init__(*args: Any, **attributes: Any) -> None:  # a variable may be called `self`
        self, *given = args
        attributes = dict(*given, **attributes)
        for name in attributes:
            refuse_private(name)
        Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        refuse_private(name)
        Namespace.__setitem__(self, name, value)


def refuse_private(name: Any) -> None:
    """Names with an underscore lead into Python."""
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a namespace takes no name that begins with an underscore: {name!r}")


class TemplateDict:
    """`dict` for templates, as a function and not as a class."""

    def __call__(self, *args: Any, **items: Any) -> dict[Any, Any]:
        """Make a dictionary."""
        return dict(*args, **items)

    def fromkeys(self, *args: Any, **items: Any) -> dict[Any, Any]:
        """Make one from its keys."""
        return dict.fromkeys(*args, **items)


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
    """How a template refuses messages."""
    raise TemplateError(message)


def strftime_now(format: str) -> str:
    """The time now, as a template wants it."""
    return datetime.datetime.now().strftime(format)


def template_environment() -> ImmutableSandboxedEnvironment:
    """The environment in which chat templates are compiled."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[GenerationBlock, "jinja2.ext.loopcontrols"],
    )
    environment.filters["tojson"] = tojson
    environment.globals |= {
        "raise_exception": raise_exception,
        "strftime_now": strftime_now,
        "dict": TemplateDict(),
        "namespace": TemplateNamespace,
    }
    return environment
