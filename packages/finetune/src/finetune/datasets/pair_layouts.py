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
    unusable_reason,
)
from finetune.datasets.layouts import (
    CONTEXT_COLUMNS,
    SYSTEM_COLUMNS,
    Layout,
    add_system_message,
    find_layout,
    prompt_messages,
    question_and_answer_messages,
)
from finetune.datasets.transcripts import is_transcript, parse_transcript
from finetune.datasets.turns import Columns, text_column, turns_column
from gpt.errors import BadInput

SCORE_KEYS = ("overall_score", "score")
MAX_SCORE = 1e300  # so that neither infinity nor a number beyond floats is a score


def parse_preference(columns: Columns) -> PreferencePair:
    """The preference in a row."""
    layout = find_layout(PREFERENCE_LAYOUTS, columns)
    messages, chosen, rejected = layout.read(columns)
    messages = add_system_message(columns, messages)
    for answer in (chosen, rejected):
        check_turns([*messages, {"role": "assistant", "content": answer}], last="assistant")
    if chosen == rejected:
        raise BadInput(f"the chosen answer is the rejected one: {chosen[:40]!r}")
    texts = [*(message["content"] for message in messages), chosen]
    used = {*layout.needed, *layout.optional, *SYSTEM_COLUMNS, *ANSWER_COLUMNS}
    check_columns(columns, used, texts)
    return PreferencePair(messages, chosen, rejected)


def pair_from_answers(question: str, columns: Columns) -> PreferencePair:
    """Two answers to a question, alone or at the end of two conversations."""
    return preference_pair(
        *(conversation_with_answer(columns, question, answer) for answer in ("chosen", "rejected"))
    )


def conversation_with_answer(columns: Columns, question: str, answer: str) -> list[Message]:
    """The whole conversation that ends with an answer."""
    value = columns[answer]
    if isinstance(value, str) and not is_transcript(value):
        return question_and_answer_messages(question, answer, columns)
    told, before = conversation_column(columns, answer), prompt_messages(columns, question)
    if len(told) == 1:
        return [*before, *told]
    if stripped_contents(told[:-1])[-len(before) :] != stripped_contents(before):
        raise BadInput("chosen and rejected go on from another conversation than the prompt")
    return told


def conversation_column(columns: Columns, answer: str) -> list[Message]:
    """A column that holds a conversation, as turns or as a transcript."""
    if isinstance(columns[answer], list):
        return turns_column(columns, answer)
    return parse_transcript(text_column(columns, answer))


def stripped_contents(messages: list[Message]) -> list[str]:
    """The contents of messages, without the white space around them."""
    return [message["content"].strip() for message in messages]


def pair_from_conversations(columns: Columns) -> PreferencePair:
    """Two whole conversations, without a prompt of their own."""
    return preference_pair(
        *(conversation_column(columns, answer) for answer in ("chosen", "rejected"))
    )


def preference_pair(chosen: list[Message], rejected: list[Message]) -> PreferencePair:
    """Two conversations that differ in their last answer."""
    if {chosen[-1]["role"], rejected[-1]["role"]} != {"assistant"}:
        raise BadInput("chosen and rejected must end with an answer by the assistant")
    if chosen[:-1] != rejected[:-1]:
        raise BadInput("chosen and rejected part before the last answer")
    if len(chosen) == 1:
        raise BadInput("there is no question: add a column prompt, or begin both sides with it")
    return PreferencePair(chosen[:-1], chosen[-1]["content"], rejected[-1]["content"])


def pair_from_scores(question: str, columns: Columns) -> PreferencePair:
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
    for name in SCORE_KEYS:
        if all(is_score(row.get(name)) for row in rows):
            for row in rows:
                check_completion(row)
            return [float(row[name]) for row in rows]
    raise BadInput(
        f"every completion needs a number under the same key, {' or '.join(SCORE_KEYS)}; "
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
            raise BadInput(f"a completion's {name!r} {unusable_reason(name)}")


QUESTION_COLUMNS = {"prompt": (), "question": (), "instruction": CONTEXT_COLUMNS, "input": ()}
"""Columns with a question, each with those that may add to it."""
PREFERENCE_LAYOUTS: list[Layout[PreferencePair]] = [
    *(
        Layout((name, "chosen", "rejected"), context, partial(pair_from_answers, name))
        for name, context in QUESTION_COLUMNS.items()
    ),
    Layout(("chosen", "rejected"), (), pair_from_conversations),
    *(
        Layout((name, "completions"), context, partial(pair_from_scores, name))
        for name, context in QUESTION_COLUMNS.items()
    ),
]
