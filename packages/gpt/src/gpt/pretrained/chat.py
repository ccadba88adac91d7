"""From a conversation to the text that a chat model was trained to continue.

A chat model comes with a template, a small program in the language Jinja that writes the messages
of a conversation between the special tokens of the model. Its variables, and the environment that
it runs in (`template_environment`), are those of transformers' `apply_chat_template`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from gpt.errors import BadInput

Message = Mapping[str, Any]  # "role" (system, user or assistant) and "content"

REASONING = ("reasoning_content", "thinking", "reasoning")  # names in use; templates read the first


def render_chat(
    template: str,
    messages: Sequence[Message],
    roles: Mapping[str, str],
    add_generation_prompt: bool = True,
    **variables: Any,
) -> str:
    """Return the conversation as text, in the format of the model's chat template.

    Args:
        template: the chat template of the model.
        messages: the messages, the oldest first.
        roles: the special tokens that the template may insert, by the names that it uses, such as
            "eos_token".
        add_generation_prompt: whether to append the tokens after which the model answers.
        variables: other variables of the template: `tools`, `documents`, `enable_thinking`, ...

    Raises:
        BadInput: there are no messages, or the template is damaged or refuses them.
    """
    check_jinja()
    if not messages:
        raise BadInput("a conversation needs at least one message")
    values = {"tools": None, "documents": None, **roles, **variables}
    try:
        return compile_template(template).render(
            messages=[normalise_message(message) for message in messages],
            add_generation_prompt=add_generation_prompt,
            **{name: to_plain_json(value) for name, value in values.items()},
        )
    except Exception as error:  # the template is untrusted code, which may raise any error
        raise BadInput(f"the chat template does not accept these messages: {error}") from error


def normalise_message(message: Message) -> dict[str, Any]:
    """Return a message without fields that are None, and its reasoning under both names in use."""
    fields = {name: to_plain_json(value) for name, value in message.items() if value is not None}
    for name in REASONING:
        if name in fields:
            return {"thinking": fields[name], **fields, "reasoning_content": fields[name]}
    return fields


def to_plain_json(value: Any) -> Any:
    """Convert a value to plain JSON types, so that a template cannot call methods of objects."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, str):  # a subclass may have other methods
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return {to_plain_json(key): to_plain_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_plain_json(item) for item in value]
    if isinstance(value, tuple):
        return tuple(to_plain_json(item) for item in value)
    return f"<{type(value).__name__}>"


def check_jinja() -> None:
    """Refuse to continue without Jinja, and say how to install it."""
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise BadInput(
            "chat templates need the extra smollm2; in a clone: "
            "uv pip install -e 'packages/gpt[smollm2]'"
        ) from error


@lru_cache
def compile_template(template: str) -> Any:
    """Compile a template, once for many conversations."""
    from gpt.pretrained.template_environment import template_environment

    return template_environment().from_string(template)
