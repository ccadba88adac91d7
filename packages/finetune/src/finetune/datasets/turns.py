r"""From one column of a row to messages: a text, a list of turns, or a transcript.

A turn is an object, with `role` and `content` or with `from` and `value` (ShareGPT). A transcript
is one text in which "\n\nHuman:" or "\n\nAssistant:" begins every turn, as in hh-rlhf (Bai et al.
2022). White space around the turns of a transcript belongs to the transcript and is dropped.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import regex

from finetune.conversations.messages import Message
from finetune.datasets.columns import check_keys, is_empty
from gpt.errors import BadInput

Columns = Mapping[str, Any]
ROLE_OF_SPEAKER = {"human": "user", "gpt": "assistant"}  # ShareGPT's; other names stay
ROLE_AND_CONTENT_KEYS = (("role", "content"), ("from", "value"))
SPEAKER = regex.compile(r"(?:^|\n\n)(Human|Assistant):")
OPEN_ANSWER = "\n\nAssistant:"


def text_column(columns: Columns, name: str) -> str:
    """Return the text in a column."""
    if not isinstance(columns.get(name), str):
        raise BadInput(f"column {name!r} must hold a text, found {columns.get(name)!r:.40}")
    return columns[name]


def text_or_turns(columns: Columns, name: str, role: str) -> list[Message]:
    """Return the messages of a column: a text by this role, or a list of turns."""
    if isinstance(columns.get(name), list):
        return turns_column(columns, name)
    return [{"role": role, "content": text_column(columns, name)}]


def turns_column(columns: Columns, name: str) -> list[Message]:
    """Return the messages of a column with a list of turns."""
    value = columns[name]
    if not isinstance(value, list) or not value:
        raise BadInput(f"column {name!r} must hold a list of turns, found {value!r:.40}")
    if name == "conversations" and all(isinstance(each, str) for each in value):
        return alternate_turns(value)
    return [message for each in value for message in parse_turn(each)]


def parse_turn(value: Any) -> list[Message]:
    """Return the message of a turn, or the two of a question with its answer (Capybara)."""
    if isinstance(value, dict):
        for keys in ROLE_AND_CONTENT_KEYS:
            role, content = (value.get(name) for name in keys)
            if isinstance(role, str) and isinstance(content, str):
                role = ROLE_OF_SPEAKER.get(role, role)
                check_keys(value, keys, role, content)
                return [{"role": role, "content": content}]
        texts = [value.get("input"), value.get("output")]
        if all(isinstance(each, str) for each in texts):
            check_keys(value, ("input", "output"), "assistant", value["output"])
            return alternate_turns(texts)
    raise BadInput(f"a turn needs texts as role+content or from+value, found {value!r:.60}")


def alternate_turns(texts: Sequence[Any]) -> list[Message]:
    """Return texts as messages of the user and the assistant in alternation."""
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": each} for number, each in enumerate(texts)]


def history_messages(columns: Columns) -> list[Message]:
    """Return the messages of column `history`: pairs of a question and its answer."""
    pairs = columns.get("history")
    if is_empty(pairs):
        return []
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list) and [type(text) for text in pair] == [str, str] for pair in pairs
    ):
        raise BadInput(f"column 'history' must hold pairs of texts, found {pairs!r:.40}")
    return alternate_turns([text for pair in pairs for text in pair])


def is_transcript(value: Any) -> TypeGuard[str]:
    """Return whether a value is a text in which both the user and the assistant speak."""
    return isinstance(value, str) and value.lstrip().startswith("Human:") and OPEN_ANSWER in value


def parse_transcript(text: str) -> list[Message]:
    """Return the messages of a transcript."""
    before, *parts = SPEAKER.split(text.lstrip())
    if before.strip() or not parts:
        raise BadInput(
            f"without a column prompt a text must begin with 'Human:', found {text[:40]!r}"
        )
    roles = ("user" if speaker == "Human" else "assistant" for speaker in parts[::2])
    return [
        {"role": role, "content": content.strip()}
        for role, content in zip(roles, parts[1::2], strict=True)
    ]
