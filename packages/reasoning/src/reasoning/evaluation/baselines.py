"""math-verify on the same answers: which verdicts differ, and how long both take.

Needs the extra `baselines`.
"""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

try:
    from math_verify import parse, verify
except ImportError as error:
    raise ImportError(
        "comparisons need the extra baselines; in a clone: "
        "uv pip install -e 'packages/reasoning[baselines]'"
    ) from error

from reasoning.evaluation.awkward_answers import AwkwardAnswer, read_awkward_answers
from reasoning.evaluation.extraction import is_right
from reasoning.evaluation.math_values import read_value

EXPENSIVE_GROUP = "limits"
"""Answers that are made to be expensive, such as 9^9^9: math-verify does not get them."""

logging.getLogger("math_verify").setLevel(logging.ERROR)
logging.getLogger("latex2sympy2_extended").setLevel(logging.ERROR)


class AnswerComparison(NamedTuple):
    """How two checkers decide on the awkward answers."""

    n: int
    """Answers that both decide on."""
    agreements: int
    mistakes: list[AwkwardAnswer]
    """Answers that we decide against the list."""
    differences: list[AwkwardAnswer]
    """Answers that math-verify decides against the list."""
    ours_s: float
    """Seconds of the processor for all answers."""
    library_s: float


def our_verdict(row: AwkwardAnswer) -> bool:
    """Whether the text is right, by our rules."""
    gold = read_value(row.gold)
    return gold is not None and is_right(gold, row.text)


def library_verdict(row: AwkwardAnswer) -> bool:
    """Whether the text is right, by math-verify.

    Its time limits are off: they are alarms, and on a busy machine they would change verdicts.
    """
    gold, answer = (parse(text, parsing_timeout=0) for text in (row.gold, row.text))
    return bool(verify(gold, answer, timeout_seconds=0))


def check_awkward_answers() -> AnswerComparison:
    """Decide with both checkers on every awkward answer that is not made to be expensive."""
    rows = [row for row in read_awkward_answers() if row.group != EXPENSIVE_GROUP]
    ours, ours_s = timed_verdicts(rows, our_verdict)
    library, library_s = timed_verdicts(rows, library_verdict)
    return AnswerComparison(
        n=len(rows),
        agreements=sum(one == other for one, other in zip(ours, library, strict=True)),
        mistakes=[row for row, verdict in zip(rows, ours, strict=True) if verdict != row.right],
        differences=[
            row for row, verdict in zip(rows, library, strict=True) if verdict != row.right
        ],
        ours_s=ours_s,
        library_s=library_s,
    )


def timed_verdicts(
    rows: list[AwkwardAnswer], verdict: Callable[[AwkwardAnswer], bool]
) -> tuple[list[bool], float]:
    """Return all verdicts, and the seconds that they took."""
    verdict(rows[0])  # compiles the patterns and loads the grammar
    began = time.process_time()
    return [verdict(row) for row in rows], time.process_time() - began
