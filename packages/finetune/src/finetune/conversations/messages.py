"""Messages, conversations and preference pairs: the types that data sets and formats share."""

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
    """Messages that end with an answer by the assistant."""

    messages: list[Message]


class PreferencePair(NamedTuple):
    """Messages that end with a question by the user, and two answers to it."""

    messages: list[Message]
    chosen: str
    rejected: str


def single_turn_prompt(question: str) -> list[Message]:
    """Return the messages of a question that has no answer yet."""
    return [{"role": "user", "content": question}]


def single_turn_conversation(question: str, answer: str) -> Conversation:
    """Return the conversation of one question and its answer."""
    return Conversation([*single_turn_prompt(question), {"role": "assistant", "content": answer}])


def check_turns(messages: Sequence[Message], last: str) -> None:
    """Check the roles: at most one system message, then question, answer, question, ...

    Args:
        messages: the turns, the oldest first.
        last: the role that the last message must have.

    Raises:
        BadInput: a message is empty, has an unknown role, or is out of order.
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
            raise BadInput(
                f"message {number} is by the {role} {before}; after an optional system message, "
                "user and assistant must alternate, the user first"
            )
        if not isinstance(content, str) or not content.strip():
            raise BadInput(
                f"message {number}, by the {role}, has the content {content!r}; "
                "it must be a text that is not blank"
            )
        check_utf8(content)
        previous = role
    if previous != last:
        raise BadInput(f"the last of {len(messages)} messages must be by the {last}")
