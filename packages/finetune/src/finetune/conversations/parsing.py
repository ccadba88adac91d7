"""A conversation as one text, and the text read back.

A format whose marks are tokens of their own keeps them apart from the messages by construction
(`encoding`). As mere text nothing does: a question may spell the mark before an answer. So a
conversation is written as text only if reading it gives the same conversation.
"""

from collections.abc import Sequence

from finetune.conversations.formats import EMPTY_LINE, Format
from finetune.conversations.messages import Message
from gpt.errors import BadInput


class DelimiterInContent(BadInput):
    """A message spells a mark of the format, so that as text it would be taken for one."""


def conversation_text(format: Format, messages: Sequence[Message]) -> str:
    """A whole conversation as text, from which `parse_conversation_text` gets it back.

    Raises:
        MarkInContent: the text would be read as another conversation.
    """
    text = "".join(piece.text for piece in format.pieces(messages))
    try:
        read = parse_conversation_text(format, text)
    except BadInput:
        read = []
    if read != [{"role": each["role"], "content": each["content"]} for each in messages]:
        raise DelimiterInContent(
            f"{describe_delimiter(format, messages)}; as text they cannot be told apart"
        )
    return text


def describe_delimiter(format: Format, messages: Sequence[Message]) -> str:
    """Which message spells which mark."""
    marks = [format.stop, format.first_gap, *format.between.values()]
    for number, message in enumerate(messages, 1):
        for mark in filter(None, map(str.strip, marks)):
            if mark in message["content"]:
                return f"message {number} spells {mark!r}, a mark of the format"
    return "the end of a message runs into a mark of the format"


def parse_conversation_text(format: Format, text: str) -> list[Message]:
    """The conversation that a text holds.

    Raises:
        BadInput: the text is not of this format.
    """
    messages, previous, at = [], "begin", 0
    while (role := next_role(format, text, previous, at)) != "end":
        content, at = read_message(format, text, role, at + len(format.between[previous, role]))
        messages.append({"role": role, "content": content})
        previous = role
    return messages


def next_role(format: Format, text: str, previous: str, at: int) -> str:
    """Whose message begins at this place; of several marks that fit the longest decides."""
    fits = [
        (len(mark), following)
        for (before, following), mark in format.between.items()
        if before == previous
        and (text[at:] == mark if following == "end" else text.startswith(mark, at))
    ]
    if not fits:
        raise BadInput(f"no mark of the format follows the {previous}: {text[at : at + 40]!r}")
    return max(fits)[1]


def read_message(format: Format, text: str, role: str, begin: int) -> tuple[str, int]:
    """The message that begins at this place, and where the mark behind it begins."""
    before, after = format.around if role == "assistant" else ("", "")
    if role == "assistant":
        after += format.stop
    else:
        after = format.between[role, "user" if role == "system" else "assistant"]
    end = text.find(after, begin + len(before))
    if end < 0 or not text.startswith(before, begin):
        raise BadInput(f"no {after!r} ends what the {role} says: {text[begin : begin + 40]!r}")
    content = text[begin + len(before) : end]
    if role == "user":
        content = content.replace(format.first_gap, EMPTY_LINE, 1)
    return content, end + (len(after) if role == "assistant" else 0)
