"""Who said what: the one form in which formats, files and data sets hand on a conversation."""

from collections.abc import Sequence
from typing import NamedTuple

from gpt.errors import BadInput
from gpt.text.byte_pair_tokenizer import check_utf8

Message = dict[str, str]  # "role" (system, user or assistant) and "content"
ALLOWED_PREDECESSORS = {
    "system": {"begin"},
    "user": {"begin", "system", "assistant"},
    "assistant": {"user"},
}


class Conversation(NamedTuple):
    """Messages, of which the assistant wrote the last."""

    messages: list[Message]


class PreferencePair(NamedTuple):
    """Messages, of which the user wrote the last, and two answers to them."""

    messages: list[Message]
    chosen: str
    rejected: str


def single_turn_prompt(question: str) -> list[Message]:
    """A question without an answer yet."""
    return [{"role": "user", "content": question}]


def single_turn_conversation(question: str, answer: str) -> Conversation:
    """A question and its answer."""
    return Conversation([*single_turn_prompt(question), {"role": "assistant", "content": answer}])


def check_turns(messages: Sequence[Message], last: str) -> None:
    """Refuse what is no conversation: at most one system message, then question, answer, ...

    Args:
        messages: the turns, the oldest first.
        last: who is to have written the last one.

    Raises:
        BadInput: a message is empty, or by nobody known, or out of order.
    """
    previous = "begin"
    for number, message in enumerate(messages, 1):
        role, content = message.get("role"), message.get("content")
        if role not in ALLOWED_PREDECESSORS:
            raise BadInput(
                f"message {number} is by {role!r}; roles are {', '.join(ALLOWED_PREDECESSORS)}"
            )
        if previous not in ALLOWED_PREDECESSORS[role]:
            before = "at the beginning" if previous == "begin" else f"after one by the {previous}"
            raise BadInput(f"message {number} is by the {role} {before}")
        if not isinstance(content, str) or not content.strip():
            raise BadInput(f"message {number}, by the {role}, has the content {content!r}")
        check_utf8(content)
        previous = role
    if previous != last:
        raise BadInput(f"the last of {len(messages)} messages must be by the {last}")
