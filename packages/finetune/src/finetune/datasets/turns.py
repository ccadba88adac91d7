"""From a column of a row to messages: a text, or a list of turns in one of their spellings."""

from collections.abc import Mapping, Sequence
from typing import Any

from finetune.conversations.messages import Message
from finetune.datasets.columns import check_keys, is_empty
from gpt.errors import BadInput

Columns = Mapping[str, Any]
ROLE_OF_SPEAKER = {"human": "user", "gpt": "assistant"}  # ShareGPT's; others keep theirs
ROLE_AND_CONTENT_KEYS = (("role", "content"), ("from", "value"))


def text_column(columns: Columns, name: str) -> str:
    """A column that holds a text."""
    if not isinstance(columns.get(name), str):
        raise BadInput(f"column {name!r} must hold a text, found {columns.get(name)!r:.40}")
    return columns[name]


def text_or_turns(columns: Columns, name: str, role: str) -> list[Message]:
    """A column that holds a text by this role, or a list of turns."""
    if isinstance(columns.get(name), list):
        return turns_column(columns, name)
    return [{"role": role, "content": text_column(columns, name)}]


def turns_column(columns: Columns, name: str) -> list[Message]:
    """A column that holds a list of turns."""
    value = columns[name]
    if not isinstance(value, list) or not value:
        raise BadInput(f"column {name!r} must hold a list of turns, found {value!r:.40}")
    if name == "conversations" and all(isinstance(each, str) for each in value):
        return alternate_turns(value)
    return [message for each in value for message in parse_turn(each)]


def parse_turn(value: Any) -> list[Message]:
    """A message, whichever names its fields have; or the two of an exchange, as Capybara has it."""
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
    """Texts of the user and the assistant in turn."""
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": each} for number, each in enumerate(texts)]


def history_messages(columns: Columns) -> list[Message]:
    """Exchanges before an instruction: a list of questions with their answers."""
    exchanges = columns.get("history")
    if is_empty(exchanges):
        return []
    if not isinstance(exchanges, list) or not all(map(is_exchange, exchanges)):
        raise BadInput(f"column 'history' must hold pairs of texts, found {exchanges!r:.40}")
    return alternate_turns([said for exchange in exchanges for said in exchange])


def is_exchange(value: Any) -> bool:
    """Whether a value is a list of two texts."""
    return isinstance(value, list) and len(value) == 2 and all(isinstance(e, str) for e in value)
