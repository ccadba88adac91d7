"""White space around messages, where a chat template trims it.

Messages keep their white space, and a format of ours writes them to the letter. Many published
templates trim messages (`message.content | trim` in those of Llama 3 and Gemma): a model that is
asked through such a template must be trained on trimmed messages too.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache

from finetune.conversations.formats import Format
from finetune.conversations.messages import Message
from finetune.conversations.template import TemplateFormat
from gpt.errors import BadInput
from gpt.pretrained.chat import render_chat


def trim_as_template(format: Format, messages: Sequence[Message]) -> list[Message]:
    """The messages, without white space around those by roles whose messages a template trims."""
    if not isinstance(format, TemplateFormat):
        return list(messages)
    trimmed = trimmed_roles(format.template, tuple(format.roles.items()))
    return [
        {**each, "content": (each.get("content") or "").strip()}
        if each.get("role") in trimmed
        else each
        for each in messages
    ]


@cache
def trimmed_roles(template: str, tokens: tuple[tuple[str, str], ...]) -> frozenset[str]:
    """Roles whose messages the template writes without the white space around them."""
    roles = set()
    for messages in (["user", "assistant"], ["system", "user", "assistant"]):
        for role in messages:
            with suppress(BadInput):  # a template may refuse a system message
                if render_sample(template, dict(tokens), messages) == render_sample(
                    template, dict(tokens), messages, role
                ):
                    roles.add(role)
    return frozenset(roles)


def render_sample(
    template: str, tokens: Mapping[str, str], roles: Sequence[str], padded: str | None = None
) -> str:
    """A conversation of one letter per message, with white space around those by one role."""
    messages = [{"role": role, "content": " \n x \n " if role == padded else "x"} for role in roles]
    return render_chat(template, messages, tokens, False)
