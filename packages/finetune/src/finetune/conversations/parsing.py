"""A conversation as one text, and the text parsed back into the same conversation.

A format whose delimiters are special tokens keeps them apart from the messages (`encoding`). In
plain text nothing does: a question may contain the delimiter before an answer. So a conversation is
written as text only if parsing that text gives the same conversation again.
"""

from collections.abc import Sequence

from finetune.conversations.formats import EMPTY_LINE, Format
from finetune.conversations.messages import Message
from gpt.errors import BadInput


class DelimiterInContent(BadInput):
    """A message contains a delimiter of the format, so the text would be ambiguous."""


def conversation_text(format: Format, messages: Sequence[Message]) -> str:
    """Return a whole conversation as text that `parse_conversation_text` can read back.

    Raises:
        DelimiterInContent: the text would be parsed as a different conversation.
    """
    text = "".join(piece.text for piece in format.pieces(messages))
    try:
        parsed = parse_conversation_text(format, text)
    except BadInput:
        parsed = []
    if parsed != [{"role": each["role"], "content": each["content"]} for each in messages]:
        raise DelimiterInContent(
            f"{describe_delimiter(format, messages)}, so the text would be read as a different "
            "conversation; use a format whose delimiters are special tokens, such as chatml"
        )
    return text


def describe_delimiter(format: Format, messages: Sequence[Message]) -> str:
    """Return which message contains which delimiter, as the start of an error message."""
    delimiters = [format.stop, format.first_gap, *format.between.values()]
    for number, message in enumerate(messages, 1):
        for delimiter in filter(None, map(str.strip, delimiters)):
            if delimiter in message["content"]:
                return f"message {number} contains {delimiter!r}, a delimiter of the format"
    return "the end of a message runs into a delimiter of the format"


def parse_conversation_text(format: Format, text: str) -> list[Message]:
    """Return the messages of a text that was written in this format.

    Raises:
        BadInput: the text is not in this format.
    """
    messages, previous, at = [], "begin", 0
    while (role := next_role(format, text, previous, at)) != "end":
        content, at = read_message(format, text, role, at + len(format.between[previous, role]))
        messages.append({"role": role, "content": content})
        previous = role
    return messages


def next_role(format: Format, text: str, previous: str, at: int) -> str:
    """Return the role of the message at this position; the longest delimiter that fits decides."""
    fits = [
        (len(delimiter), following)
        for (before, following), delimiter in format.between.items()
        if before == previous
        and (text[at:] == delimiter if following == "end" else text.startswith(delimiter, at))
    ]
    if not fits:
        raise BadInput(
            f"expected a delimiter of the format after the {previous}, found {text[at : at + 40]!r}"
        )
    return max(fits)[1]


def read_message(format: Format, text: str, role: str, begin: int) -> tuple[str, int]:
    """Return the content that begins at this position, and the position of the next delimiter."""
    before, after = format.around if role == "assistant" else ("", "")
    if role == "assistant":
        after += format.stop
    else:
        after = format.between[role, "user" if role == "system" else "assistant"]
    end = text.find(after, begin + len(before))
    if end < 0 or not text.startswith(before, begin):
        raise BadInput(f"no {after!r} ends the {role}'s message {text[begin : begin + 40]!r}")
    content = text[begin + len(before) : end]
    if role == "user":
        content = content.replace(format.first_gap, EMPTY_LINE, 1)
    return content, end + (len(after) if role == "assistant" else 0)
