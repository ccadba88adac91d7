r"""From a row to a conversation.

The layouts, of which the first whose columns are present is used:

- `messages`: turns with `role` and `content`
- `conversations`: turns with `from` (human, gpt) and `value`, as in ShareGPT; or texts of the user
  and the assistant in alternation (LIMA, Zhou et al. 2023)
- `conversation`: turns; or `input` and `output` of each question with its answer, as in Capybara
- `instruction` with `output` (Alpaca, Taori et al. 2023) or `response` (Dolly), usually with
  `input` or `context`; `history` contains earlier questions and answers
- `prompt` with `completion` or `response`: two texts, or two lists of turns
- `question`, `response` (OpenOrca, Mukherjee et al. 2023)

A column `system`, `system_prompt` or `system_message` becomes the system message. `columns` says
which other columns a row may have.

White space in texts is kept, as in trl: the first line of code needs its indentation. Only a chat
template that trims messages trims them here too (`conversations.template`).

trl treats a text in `prompt` as a document to continue. Our chat formats cannot, so it becomes a
user message. If the text is a transcript ("Human: ... Assistant:", as in copies of hh-rlhf), it
becomes the messages of that transcript.
"""

from collections.abc import Sequence

from finetune.conversations.messages import Conversation, Message, check_turns
from finetune.datasets.columns import PREFERENCE_COLUMNS, check_columns, is_empty
from finetune.datasets.turns import (
    OPEN_ANSWER,
    Columns,
    history_messages,
    is_transcript,
    parse_transcript,
    text_column,
    text_or_turns,
    turns_column,
)
from gpt.errors import BadInput

CONVERSATION_LAYOUTS = (
    ("messages",),
    ("conversations",),
    ("conversation",),
    ("instruction", "output"),
    ("instruction", "response"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "response"),
)
"""Columns that are read together."""
SYSTEM_COLUMNS = ("system", "system_prompt", "system_message")
CONTEXT_COLUMNS = ("input", "context")


def parse_conversation(columns: Columns) -> Conversation:
    """Return the conversation in a row.

    Raises:
        BadInput: the row matches no layout, is malformed, or a column's content would be lost.
    """
    layout = find_layout(CONVERSATION_LAYOUTS, columns)
    used = {*layout, *SYSTEM_COLUMNS, *PREFERENCE_COLUMNS}
    match layout:
        case ("instruction", answer):
            used |= {*CONTEXT_COLUMNS, "history"}
            messages = [
                *history_messages(columns),
                *prompt_messages(columns, "instruction"),
                {"role": "assistant", "content": text_column(columns, answer)},
            ]
        case (question, answer):
            messages = question_and_answer_messages(question, answer, columns)
        case _:
            messages = turns_column(columns, layout[0])
    messages = add_system_message(columns, messages)
    check_turns(messages, last="assistant")
    check_columns(columns, used, [message["content"] for message in messages])
    return Conversation(messages)


def find_layout(layouts: Sequence[tuple[str, ...]], columns: Columns) -> tuple[str, ...]:
    """Return the first layout whose columns are present."""
    present = {name for name, value in columns.items() if value is not None}
    for layout in layouts:
        if present.issuperset(layout):
            return layout
    known = " or ".join(map("+".join, layouts))
    raise BadInput(f"the columns are {', '.join(columns) or 'none'}; needed are {known}")


def add_system_message(columns: Columns, messages: list[Message]) -> list[Message]:
    """Return the messages, with the text of a system column before them.

    Raises:
        BadInput: a system column differs from another one, or from the system turn.
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
            raise BadInput(
                f"{first} says {system!r:.40}, but {name} says {other!r:.40}; "
                "a conversation has one system message"
            )
    if messages[0]["role"] == "system":
        return messages
    return [{"role": "system", "content": system}, *messages]


def question_and_answer_messages(question: str, answer: str, columns: Columns) -> list[Message]:
    """Return the messages of two columns with these names: a question and its answer."""
    messages = prompt_messages(columns, question)
    answers = text_or_turns(columns, answer, "assistant")
    prompt = columns[question]
    if (
        question != "instruction"
        and is_transcript(prompt)
        and prompt.rstrip().endswith(OPEN_ANSWER)
        and isinstance(columns[answer], str)
    ):  # white space around this answer belongs to the transcript
        answers = [{"role": "assistant", "content": columns[answer].strip()}]
    return [*messages, *answers]


def prompt_messages(columns: Columns, question: str) -> list[Message]:
    """Return the messages of a column with a prompt: a text, a transcript or a list of turns.

    An instruction is followed by its input or context, after an empty line.
    """
    if question == "instruction":
        context = [name for name in CONTEXT_COLUMNS if not is_empty(columns.get(name))]
        texts = [text_column(columns, name) for name in ("instruction", *context)]
        return [{"role": "user", "content": "\n\n".join(texts)}]
    if is_transcript(columns[question]):
        return parse_transcript(columns[question].rstrip().removesuffix(OPEN_ANSWER))
    return text_or_turns(columns, question, "user")
