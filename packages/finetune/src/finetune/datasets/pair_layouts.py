r"""From a row to a preference pair.

The layouts, of which the first whose columns are present is used:

- `prompt`, `chosen`, `rejected`: texts; or lists of turns, with the prompt or without it
- `question`, `input`, or `instruction` (usually with `input`), instead of `prompt`
- `chosen`, `rejected`: two whole conversations that differ in the last answer, as lists of turns or
  as transcripts (hh-rlhf, Bai et al. 2022)
- `completions` with scores: the best is chosen, the worst rejected (UltraFeedback, Cui et al. 2023)

System columns, other columns, white space and transcripts are treated as in `layouts`.
"""

from typing import Any

from finetune.conversations.messages import Message, PreferencePair, check_turns
from finetune.datasets.columns import (
    ANSWER_COLUMNS,
    COMPLETION_METADATA,
    UNKNOWN_COLUMN,
    UNUSABLE_COLUMNS,
    check_columns,
    is_empty,
)
from finetune.datasets.layouts import (
    CONTEXT_COLUMNS,
    SYSTEM_COLUMNS,
    add_system_message,
    find_layout,
    prompt_messages,
    question_and_answer_messages,
)
from finetune.datasets.turns import (
    Columns,
    is_transcript,
    parse_transcript,
    text_column,
    turns_column,
)
from gpt.errors import BadInput

QUESTION_COLUMNS = ("prompt", "question", "instruction", "input")
PREFERENCE_LAYOUTS = (
    *((question, "chosen", "rejected") for question in QUESTION_COLUMNS),
    ("chosen", "rejected"),
    *((question, "completions") for question in QUESTION_COLUMNS),
)
"""Columns that are read together."""
SCORE_KEYS = ("overall_score", "score")
MAX_SCORE = 1e300  # excludes infinity and integers beyond the range of floats


def parse_preference(columns: Columns) -> PreferencePair:
    """Return the preference pair in a row.

    Raises:
        BadInput: the row matches no layout, is malformed, or a column's content would be lost.
    """
    layout = find_layout(PREFERENCE_LAYOUTS, columns)
    used = {*layout, *SYSTEM_COLUMNS, *ANSWER_COLUMNS}
    if "instruction" in layout:
        used |= {*CONTEXT_COLUMNS}
    match layout:
        case ("chosen", "rejected"):
            pair = pair_from_conversations(*(conversation_column(columns, each) for each in layout))
        case (question, "completions"):
            pair = pair_from_scores(question, columns)
        case _:
            question, *answers = layout
            pair = pair_from_conversations(
                *(conversation_with_answer(columns, question, each) for each in answers)
            )
    messages, chosen, rejected = pair
    messages = add_system_message(columns, messages)
    for answer in (chosen, rejected):
        check_turns([*messages, {"role": "assistant", "content": answer}], last="assistant")
    if chosen == rejected:
        raise BadInput(f"the chosen and the rejected answer are equal: {chosen[:40]!r}")
    check_columns(columns, used, [*(message["content"] for message in messages), chosen])
    return PreferencePair(messages, chosen, rejected)


def conversation_column(columns: Columns, answer: str) -> list[Message]:
    """Return the messages of a column with a whole conversation: turns or a transcript."""
    if isinstance(columns[answer], list):
        return turns_column(columns, answer)
    return parse_transcript(text_column(columns, answer))


def conversation_with_answer(columns: Columns, question: str, answer: str) -> list[Message]:
    """Return the messages of a prompt and an answer, from two columns with these names.

    The column of the answer contains the answer only, or the whole conversation.
    """
    value = columns[answer]
    if isinstance(value, str) and not is_transcript(value):
        return question_and_answer_messages(question, answer, columns)
    messages, prompt = conversation_column(columns, answer), prompt_messages(columns, question)
    if len(messages) == 1:
        return [*prompt, *messages]
    before = [message["content"].strip() for message in messages[:-1]]
    expected = [message["content"].strip() for message in prompt]
    if before[-len(expected) :] != expected:
        raise BadInput(
            f"the conversation in column {answer!r} does not continue column {question!r}"
        )
    return messages


def pair_from_conversations(chosen: list[Message], rejected: list[Message]) -> PreferencePair:
    """Return the pair of two conversations that differ in their last answer."""
    if {chosen[-1]["role"], rejected[-1]["role"]} != {"assistant"}:
        raise BadInput("chosen and rejected must end with an answer by the assistant")
    if chosen[:-1] != rejected[:-1]:
        raise BadInput("chosen and rejected must not differ before the last answer")
    if len(chosen) == 1:
        raise BadInput(
            "there is no question: add a column prompt, or begin both conversations with it"
        )
    return PreferencePair(chosen[:-1], chosen[-1]["content"], rejected[-1]["content"])


def pair_from_scores(question: str, columns: Columns) -> PreferencePair:
    """Return the best- and worst-scored answers as a pair. The first answer wins a tie."""
    answers = columns["completions"]
    if not isinstance(answers, list) or len(answers) < 2:
        raise BadInput(f"'completions' must hold at least two answers, found {answers!r:.40}")
    scores = completion_scores(answers)
    if max(scores) == min(scores):
        raise BadInput(
            f"all {len(scores)} completions have the score {scores[0]}, so none is preferred"
        )
    best, worst = (answers[scores.index(pick(scores))] for pick in (max, min))
    return PreferencePair(
        prompt_messages(columns, question),
        text_column(best, "response"),
        text_column(worst, "response"),
    )


def completion_scores(answers: list[Any]) -> list[float]:
    """Return the scores of completions, all from the same key: two keys may have two scales.

    Raises:
        BadInput: no key has a score in every completion, or the content of a key would be lost.
    """
    rows = [answer if isinstance(answer, dict) else {} for answer in answers]
    for key in SCORE_KEYS:
        scores: list[Any] = [row.get(key) for row in rows]
        # isinstance would accept True, which is an int
        if not all(type(score) in (int, float) and abs(score) < MAX_SCORE for score in scores):
            continue
        for row in rows:
            for name, value in row.items():
                if name not in COMPLETION_METADATA | {"response"} and not is_empty(value):
                    reason = UNUSABLE_COLUMNS.get(name, UNKNOWN_COLUMN)
                    raise BadInput(f"a completion's {name!r} {reason}")
        return [float(score) for score in scores]
    raise BadInput(
        f"every completion needs a number under the same key, {' or '.join(SCORE_KEYS)}; "
        f"found {answers!r:.60}"
    )
