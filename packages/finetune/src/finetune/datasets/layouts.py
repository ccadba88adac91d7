r"""From the columns of a row to a conversation.

- `messages`: turns with `role` and `content`
- `conversations`: turns with `from` (human, gpt) and `value`, as ShareGPT writes them; or texts of
  the user and the assistant in turn (LIMA, Zhou et al. 2023)
- `parse_conversation`: turns; or `input` and `output` of each exchange, as Capybara writes them
- `instruction_text` with `output` (Alpaca, Taori et al. 2023) or `response` (Dolly), usually with
  `input` or `context`; `history_messages` holds earlier exchanges
- `prompt` with `completion` or `response`: two texts, or two lists of turns
- `question`, `response` (OpenOrca, Mukherjee et al. 2023)

A column `system`, `system_prompt` or `system_message` becomes the system message. `columns` lists
which other columns a row may have.

Texts are kept to the letter, as trl keeps them: the first line of code needs its indentation. Only
a chat template that trims messages trims them here too (`white_space`).

trl treats a text in `prompt` as a document to continue; our chat formats cannot, so it becomes a
user message. If the text is a transcript ("Human: ... Assistant:", as in copies of hh-rlhf), it is
read into its turns (`transcripts`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from finetune.conversations.messages import Conversation, Message, check_turns
from finetune.datasets.columns import PREFERENCE_COLUMNS, check_columns, is_empty
from finetune.datasets.transcripts import is_transcript, transcript_prompt, transcript_with_answer
from finetune.datasets.turns import (
    Columns,
    history_messages,
    text_column,
    text_or_turns,
    turns_column,
)
from gpt.errors import BadInput

_Result = TypeVar("_Result")
SYSTEM_COLUMNS = ("system", "system_prompt", "system_message")
CONTEXT_COLUMNS = ("input", "context")


@dataclass(frozen=True)
class Layout(Generic[_Result]):
    """Columns that are read together."""

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    read: Callable[[Any], _Result]


def parse_conversation(columns: Columns) -> Conversation:
    """The conversation in a row."""
    layout = find_layout(CONVERSATION_LAYOUTS, columns)
    messages = add_system_message(columns, layout.read(columns))
    check_turns(messages, last="assistant")
    used = {*layout.needed, *layout.optional, *SYSTEM_COLUMNS, *PREFERENCE_COLUMNS}
    check_columns(columns, used, [message["content"] for message in messages])
    return Conversation(messages)


def find_layout(layouts: Sequence[Layout[_Result]], columns: Columns) -> Layout[_Result]:
    """The first layout whose columns are there."""
    there = {name for name, value in columns.items() if value is not None}
    for layout in layouts:
        if there.issuperset(layout.needed):
            return layout
    known = " or ".join("+".join(layout.needed) for layout in layouts)
    raise BadInput(f"the columns are {', '.join(columns) or 'none'}; needed are {known}")


def add_system_message(columns: Columns, messages: list[Message]) -> list[Message]:
    """The messages, with the text of a system column before them.

    Raises:
        BadInput: a system column differs from another one, or from the system turn that is there.
    """
    names = [name for name in SYSTEM_COLUMNS if not is_empty(columns.get(name))]
    texts = {f"column {name!r}": text_column(columns, name) for name in names}
    if not texts:
        return messages
    first, system = next(iter(texts.items()))
    if messages[0]["role"] == "system":
        texts["the first turn"] = messages[0]["content"]
    for name, other in texts.items():
        if other.strip() != system.strip():
            raise BadInput(f"{first} says {system!r:.40}, but {name} says {other!r:.40}")
    if messages[0]["role"] == "system":
        return messages
    return [{"role": "system", "content": system}, *messages]


def instruction_messages(answer: str, columns: Columns) -> list[Message]:
    """The messages of a row in the layout of Alpaca or Dolly."""
    question = {"role": "user", "content": instruction_text(columns)}
    reply = {"role": "assistant", "content": text_column(columns, answer)}
    return [*history_messages(columns), question, reply]


def instruction_text(columns: Columns) -> str:
    """An instruction; the input or context follows after an empty line."""
    context = [name for name in CONTEXT_COLUMNS if not is_empty(columns.get(name))]
    return "\n\n".join(text_column(columns, name) for name in ("instruction", *context))


def question_and_answer_messages(question: str, answer: str, columns: Columns) -> list[Message]:
    """A question and its answer, in the columns of these names."""
    said = columns[answer]
    if question != "instruction" and is_transcript(columns[question]) and isinstance(said, str):
        return transcript_with_answer(columns[question], said)
    return [*prompt_messages(columns, question), *text_or_turns(columns, answer, "assistant")]


def prompt_messages(columns: Columns, question: str) -> list[Message]:
    """The messages of a column with a prompt: a text, a transcript or a list of turns."""
    if question == "instruction":
        return [{"role": "user", "content": instruction_text(columns)}]
    if is_transcript(columns[question]):
        return transcript_prompt(columns[question])
    return text_or_turns(columns, question, "user")


CONVERSATION_LAYOUTS: list[Layout[list[Message]]] = [
    *(
        Layout((name,), (), partial(turns_column, name=name))
        for name in ("messages", "conversations", "conversation")
    ),
    *(
        Layout(
            ("instruction", answer),
            (*CONTEXT_COLUMNS, "history"),
            partial(instruction_messages, answer),
        )
        for answer in ("output", "response")
    ),
    *(
        Layout((question, answer), (), partial(question_and_answer_messages, question, answer))
        for question, answer in (
            ("prompt", "completion"),
            ("prompt", "response"),
            ("question", "response"),
        )
    ),
]
