"""From the columns of a row to a conversation.

- `messages`: turns with `role` and `content`
- `conversations`: turns with `from` (human, gpt) and `value`, as ShareGPT writes them
- `instruction`, `output`, and mostly `input`: Alpaca (Taori et al. 2023)
- `prompt`, `completion`: two texts, or two lists of turns

White space around a text is dropped: some chat templates keep it and some do not.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from finetune.data.conversations import Conversation, Message, check_turns, exchange
from gpt.errors import BadInput

Columns = Mapping[str, Any]
Form = TypeVar("Form")
NAMES = {"human": "user", "gpt": "assistant"}  # ShareGPT's; others keep theirs


def conversation(columns: Columns) -> Conversation:
    """The conversation in a row."""
    messages = layout(CONVERSATIONS, columns)(columns)
    check_turns(messages, last="assistant")
    return Conversation(messages)


def layout(layouts: Mapping[tuple[str, ...], Form], columns: Columns) -> Form:
    """The first layout whose columns are there."""
    there = {name for name, value in columns.items() if value is not None}
    for needed, form in layouts.items():
        if there.issuperset(needed):
            return form
    known = " or ".join("+".join(needed) for needed in layouts)
    raise BadInput(f"the columns are {', '.join(columns) or 'none'}; needed are {known}")


def instruction(columns: Columns) -> list[Message]:
    """Alpaca; the input follows the instruction after an empty line."""
    question = text(columns, "instruction")
    if columns.get("input") is not None and text(columns, "input"):
        question += f"\n\n{text(columns, 'input')}"
    return exchange(question, text(columns, "output")).messages


def completed(columns: Columns) -> list[Message]:
    """A prompt and what follows it."""
    return [*said(columns, "prompt", "user"), *said(columns, "completion", "assistant")]


def said(columns: Columns, name: str, role: str) -> list[Message]:
    """A column that holds a text by this role, or a list of turns."""
    if isinstance(columns.get(name), list):
        return turns(columns, name)
    return [{"role": role, "content": text(columns, name)}]


def turns(columns: Columns, name: str) -> list[Message]:
    """A column that holds a list of turns."""
    value = columns[name]
    if not isinstance(value, list) or not value:
        raise BadInput(f"column {name!r} must hold a list of turns, found {value!r:.40}")
    return [turn(each) for each in value]


def turn(value: Any) -> Message:
    """A message, whichever names its fields have."""
    if isinstance(value, dict):
        for by, content in (("role", "content"), ("from", "value")):
            role, said = value.get(by), value.get(content)
            if isinstance(role, str) and isinstance(said, str):
                return {"role": NAMES.get(role, role), "content": said.strip()}
    raise BadInput(f"a turn needs texts as role+content or from+value, found {value!r:.60}")


def text(columns: Columns, name: str) -> str:
    """A column that holds a text."""
    if not isinstance(columns.get(name), str):
        raise BadInput(f"column {name!r} must hold a text, found {columns.get(name)!r:.40}")
    return columns[name].strip()


CONVERSATIONS = {
    ("messages",): lambda columns: turns(columns, "messages"),
    ("conversations",): lambda columns: turns(columns, "conversations"),
    ("instruction", "output"): instruction,
    ("prompt", "completion"): completed,
}
