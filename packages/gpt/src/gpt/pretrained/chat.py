"""From a conversation to the text that a chat model was trained to continue.

A chat model comes with a template, a small program in the language Jinja that writes the turns of a
conversation one after the other between the marks it knows. The template is somebody else's
program, so it runs in a sandbox. Names and settings are those of transformers'
`apply_chat_template`.
"""

import datetime
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import regex

from gpt.errors import BadInput

Message = Mapping[str, Any]  # "role" (system, user or assistant) and "content"

# `{% generation %}` marks what a model is trained on; for the text it is a block like any other.
GENERATION = regex.compile(r"\{%(-?)\s*generation\s*(-?)%\}")
END_GENERATION = regex.compile(r"\{%(-?)\s*endgeneration\s*(-?)%\}")


def render_chat(
    template: str,
    messages: Sequence[Message],
    roles: Mapping[str, str],
    add_generation_prompt: bool = True,
) -> str:
    """The conversation as text, and the mark after which the model answers.

    Args:
        template: the model's own.
        messages: the turns, the oldest first.
        roles: special tokens by role, such as "eos_token"; the template may write them.
        add_generation_prompt: whether the text ends where the answer begins.

    Raises:
        BadInput: the template is damaged, or does not accept these messages.
    """
    check_jinja()
    try:
        return compiled(template).render(
            messages=[dict(message) for message in messages],
            tools=None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **roles,
        )
    except Exception as error:  # a program by a stranger fails in any way it likes
        raise BadInput(f"the chat template does not accept these messages: {error}") from error


def check_jinja() -> None:
    """Say what to install where templates cannot be run."""
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise BadInput(
            "chat templates need the extra smollm2; in a clone: "
            "uv pip install -e 'packages/gpt[smollm2]'"
        ) from error


@lru_cache
def compiled(template: str) -> Any:
    """The program, ready to be run on many conversations."""
    template = GENERATION.sub(r"{%\1 if true \2%}", template)
    template = END_GENERATION.sub(r"{%\1 endif \2%}", template)
    return sandbox().from_string(template)


def sandbox() -> Any:
    """Jinja without access to Python, with the functions that templates rely on."""
    from jinja2.exceptions import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    environment.filters["tojson"] = tojson
    return environment


def tojson(value: Any, indent: int | None = None) -> str:
    r"""A value as JSON; Jinja's own filter would write `<` as `\u003c`, for web pages."""
    return json.dumps(value, ensure_ascii=False, indent=indent)
