r"""From the columns of a row to a preference.

- `prompt`, `chosen`, `rejected`: texts; or lists of turns, with the prompt or without
- `question`, `input`, or `instruction` and usually `input`, instead of `prompt`
- `chosen`, `rejected`: two whole conversations that part at the last answer, as lists of turns or
  as transcripts (hh-rlhf, Bai et al. 2022)
- `completions` with scores: the best against the worst (UltraFeedback, Cui et al. 2023)

System columns, further columns, white space and transcripts are treated as in `layouts`.
"""

from functools import partial
from typing import Any

from finetune.conversations.messages import Message, PreferencePair, check_turns
from finetune.datasets.columns import (
    ANSWER_COLUMNS,
    COMPLETION_METADATA,
    check_columns,
    is_empty,
    meaning,
)
from finetune.datasets.layouts import (
    CONTEXT_COLUMNS,
    SYSTEM_COLUMNS,
    Layout,
    find_layout,
    prompt_messages,
    question_and_answer,
    with_system,
)
from finetune.datasets.transcripts import is_transcript, transcript
from finetune.datasets.turns import Columns, text_column, turns_column
from gpt.errors import BadInput

SCORES = ("overall_score", "score")
MAX_SCORE = 1e300  # so that neither infinity nor a number beyond floats is a score


def preference(columns: Columns) -> PreferencePair:
    """The preference in a row."""
    layout = find_layout(PREFERENCES, columns)
    messages, chosen, rejected = layout.read(columns)
    messages = with_system(columns, messages)
    for answer in (chosen, rejected):
        check_turns([*messages, {"role": "assistant", "content": answer}], last="assistant")
    if chosen == rejected:
        raise BadInput(f"the chosen answer is the rejected one: {chosen[:40]!r}")
    texts = [*(message["content"] for message in messages), chosen]
    used = {*layout.needed, *layout.optional, *SYSTEM_COLUMNS, *ANSWER_COLUMNS}
    check_columns(columns, used, texts)
    return PreferencePair(messages, chosen, rejected)


def two_answers(question: str, columns: Columns) -> PreferencePair:
    """Two answers to a question, alone or at the end of two conversations."""
    return pair_of(*(side(columns, question, answer) for answer in ("chosen", "rejected")))


def side(columns: Columns, question: str, answer: str) -> list[Message]:
    """The whole conversation that ends with an answer."""
    value = columns[answer]
    if isinstance(value, str) and not is_transcript(value):
        return question_and_answer(question, answer, columns)
    told, before = whole(columns, answer), prompt_messages(columns, question)
    if len(told) == 1:
        return [*before, *told]
    if contents(told[:-1])[-len(before) :] != contents(before):
        raise BadInput("chosen and rejected go on from another conversation than the prompt")
    return told


def whole(columns: Columns, answer: str) -> list[Message]:
    """A column that holds a conversation, as turns or as a transcript."""
    if isinstance(columns[answer], list):
        return turns_column(columns, answer)
    return transcript(text_column(columns, answer))


def contents(messages: list[Message]) -> list[str]:
    """The contents of messages, without the white space around them."""
    return [message["content"].strip() for message in messages]


def two_conversations(columns: Columns) -> PreferencePair:
    """Two whole conversations, without a prompt of their own."""
    return pair_of(*(whole(columns, answer) for answer in ("chosen", "rejected")))


def pair_of(chosen: list[Message], rejected: list[Message]) -> PreferencePair:
    """Two conversations that differ in their last answer."""
    if {chosen[-1]["role"], rejected[-1]["role"]} != {"assistant"}:
        raise BadInput("chosen and rejected must end with an answer by the assistant")
    if chosen[:-1] != rejected[:-1]:
        raise BadInput("chosen and rejected part before the last answer")
    if len(chosen) == 1:
        raise BadInput("there is no question: add a column prompt, or begin both sides with it")
    return PreferencePair(chosen[:-1], chosen[-1]["content"], rejected[-1]["content"])


def best_and_worst(question: str, columns: Columns) -> PreferencePair:
    """The best of several answers against the worst; the first, where several are."""
    answers = columns["completions"]
    if not isinstance(answers, list) or len(answers) < 2:
        raise BadInput(f"'completions' must hold at least two answers, found {answers!r:.40}")
    scores = completion_scores(answers)
    if max(scores) == min(scores):
        raise BadInput(f"all {len(scores)} completions have the score {scores[0]}")
    best, worst = (answers[scores.index(pick(scores))] for pick in (max, min))
    response = partial(text_column, name="response")
    return PreferencePair(prompt_messages(columns, question), response(best), response(worst))


def completion_scores(answers: list[Any]) -> list[float]:
    """The scores of completions, all from the same key: two keys may have two scales.

    Raises:
        BadInput: no key has a score in every completion, or a key's meaning would be lost.
    """
    rows = [answer if isinstance(answer, dict) else {} for answer in answers]
    for name in SCORES:
        if all(is_score(row.get(name)) for row in rows):
            for row in rows:
                check_completion(row)
            return [float(row[name]) for row in rows]
    raise BadInput(
        f"every completion needs a number under the same key, {' or '.join(SCORES)}; "
        f"found {answers!r:.60}"
    )


def is_score(value: Any) -> bool:
    """Whether a value is a finite number; True is not one, although it is an `int`."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < MAX_SCORE


def check_completion(completion: Columns) -> None:
    """Refuse a key of a completion that means something and is not used."""
    for name, value in completion.items():
        if name not in COMPLETION_METADATA | {"response"} and not is_empty(value):
            raise BadInput(f"a completion's {name!r} {meaning(name)}")


QUESTION_COLUMNS = {"prompt": (), "question": (), "instruction": CONTEXT_COLUMNS, "input": ()}
"""Columns with a question, each with those that may add to it."""
PREFERENCES: list[Layout[PreferencePair]] = [
    *(
        Layout((name, "chosen", "rejected"), context, partial(two_answers, name))
        for name, context in QUESTION_COLUMNS.items()
    ),
    Layout(("chosen", "rejected"), (), two_conversations),
    *(
        Layout((name, "completions"), context, partial(best_and_worst, name))
        for name, context in QUESTION_COLUMNS.items()
    ),
]
