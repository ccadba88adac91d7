"""Compare the answers of two models with a judge that sees each pair in both orders.

Judges, people and models alike, have a position bias: often they favour the answer they read first.
So each pair is judged twice, and only a verdict that holds in both orders is a win; one that
changes with the order is a tie (Zheng et al. 2023, section 3.4). Ties count one half.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from gpt.errors import BadInput
from gpt.evaluation.intervals import Interval, bootstrap_mean, wilson_interval

JudgeVerdict = Literal["A", "B", "tie"]
_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")
PairwiseJudge = Callable[[_Question, _Answer, _Answer], JudgeVerdict]
"""judge(question, a, b) says which answer is better; it reads a first."""

SWAPPED_VERDICTS: dict[str, JudgeVerdict] = {"A": "B", "B": "A", "tie": "tie"}
VERDICT_POINTS = {"A": 1.0, "B": 0.0, "tie": 0.5}


class PairwiseComparison(NamedTuple):
    """A judge's two verdicts on our answer (A) and another model's (B), once with each first."""

    read_first: JudgeVerdict
    """Verdict when ours was shown first."""
    read_second: JudgeVerdict
    """Verdict when theirs was shown first."""

    @property
    def verdict(self) -> JudgeVerdict:
        """Verdict that holds in both orders, else a tie."""
        return self.read_first if self.read_first == self.read_second else "tie"


class WinRate(NamedTuple):
    """Wins, losses and ties of our answers, with intervals and position bias."""

    wins: int
    losses: int
    ties: int
    wilson: Interval
    """(wins + ties / 2) / n, with Wilson's interval."""
    bootstrap: Interval
    """The same rate, with an interval from resampled questions."""
    first_favoured: float
    """Share of questions where an answer did better when shown first: position bias."""
    second_favoured: float
    """Share of questions where an answer did better when shown second."""


def compare_pairwise(
    judge: PairwiseJudge[_Question, _Answer],
    questions: Sequence[_Question],
    ours: Sequence[_Answer],
    theirs: Sequence[_Answer],
) -> list[PairwiseComparison]:
    """Judge the answers to every question, in both orders."""
    if not len(questions) == len(ours) == len(theirs):
        raise BadInput(
            f"{len(questions)} questions need as many answers from each model, "
            f"got {len(ours)} and {len(theirs)}"
        )
    return [
        PairwiseComparison(
            parse_verdict(judge(question, a, b)),
            SWAPPED_VERDICTS[parse_verdict(judge(question, b, a))],
        )
        for question, a, b in zip(questions, ours, theirs, strict=True)
    ]


def parse_verdict(verdict: str) -> JudgeVerdict:
    """Check that a judge, which may be a model, said A, B or tie."""
    if verdict in ("A", "B", "tie"):
        return verdict
    raise BadInput(f"a judge must say A, B or tie, got {verdict!r}")


def judge_by_score(
    score: Callable[[_Question, _Answer], float], first_bonus: float = 0.0
) -> PairwiseJudge[_Question, _Answer]:
    """Make a judge that prefers the higher score(question, answer).

    `first_bonus` is a toy position bias: it is added to the score of the answer that is read first.
    Above every difference of scores it makes the judge always say A.
    """

    def judge(question: _Question, a: _Answer, b: _Answer) -> JudgeVerdict:
        gap = score(question, a) + first_bonus - score(question, b)
        return "tie" if gap == 0 else "A" if gap > 0 else "B"

    return judge


def win_rate(
    comparisons: Sequence[PairwiseComparison], rng: np.random.Generator, level: float = 0.95
) -> WinRate:
    """Compute the share of questions that ours wins, and the position bias of the judge."""
    if not comparisons:
        raise BadInput("a win rate needs at least one question, got none")
    n, verdicts = len(comparisons), [each.verdict for each in comparisons]
    scores = np.array([VERDICT_POINTS[verdict] for verdict in verdicts])
    shifts = [VERDICT_POINTS[first] - VERDICT_POINTS[second] for first, second in comparisons]
    return WinRate(
        wins=verdicts.count("A"),
        losses=verdicts.count("B"),
        ties=verdicts.count("tie"),
        wilson=wilson_interval(float(scores.mean()), n, level),
        bootstrap=bootstrap_mean(scores, rng, level),
        first_favoured=sum(shift > 0 for shift in shifts) / n,
        second_favoured=sum(shift < 0 for shift in shifts) / n,
    )


def sign_test(wins: int, losses: int) -> float:
    r"""Compute P(a split at least as uneven | both are equally good), ignoring ties.

    p = min(1, 2 sum over k <= min(wins, losses) of C(n, k) / 2^n),    n = wins + losses

    For answers that are right or wrong this is the exact test of McNemar 1947: wins are the
    questions that only ours got right.
    """
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / 2**n)
