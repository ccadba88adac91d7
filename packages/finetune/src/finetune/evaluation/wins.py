"""Which of two models answers better? A judge compares their answers, asked both ways round.

Judges, people and models alike, favour a place: often the answer they read first. So each pair is
shown twice with the order swapped, and only a verdict that stays is a win; one that changes with
the order is a tie (Zheng et al. 2023, section 3.4). Ties count one half.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float

from finetune.evaluation.intervals import Interval, bootstrap_mean, wilson_interval
from gpt.errors import BadInput

JudgeVerdict = Literal["A", "B", "tie"]
_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")
PairwiseJudge = Callable[[_Question, _Answer, _Answer], JudgeVerdict]
"""judge(question, a, b) says which answer is better; it reads a first. Mostly all are texts."""

SWAPPED_VERDICTS: dict[str, JudgeVerdict] = {"A": "B", "B": "A", "tie": "tie"}
VERDICT_POINTS = {"A": 1.0, "B": 0.0, "tie": 0.5}


class PairwiseComparison(NamedTuple):
    """What a judge said twice of our answer, always called A here, and theirs, B."""

    read_first: JudgeVerdict
    """When ours was shown first."""
    read_second: JudgeVerdict
    """When theirs was."""

    @property
    def verdict(self) -> JudgeVerdict:
        """What holds in both orders, else a tie."""
        return self.read_first if self.read_first == self.read_second else "tie"


class WinRate(NamedTuple):
    """How often ours is better."""

    wins: int
    losses: int
    ties: int
    wilson: Interval
    """(wins + ties / 2) / all, with Wilson's interval."""
    bootstrap: Interval
    """The same rate, with an interval from resampled questions."""
    first_favoured: float
    """Share of questions where an answer did better when it was shown first: position bias."""
    second_favoured: float
    """Share where it did better when it was shown second."""


def compare_pairwise(
    judge: PairwiseJudge[_Question, _Answer],
    questions: Sequence[_Question],
    ours: Sequence[_Answer],
    theirs: Sequence[_Answer],
) -> list[PairwiseComparison]:
    """Ask the judge about every question, in both orders."""
    if not len(questions) == len(ours) == len(theirs):
        raise BadInput(
            f"{len(questions)} questions need as many answers of both sides, "
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
    """A judge that is a model may say anything."""
    if verdict in ("A", "B", "tie"):
        return verdict
    raise BadInput(f"a judge must say A, B or tie, got {verdict!r}")


def win_points(fought: Sequence[PairwiseComparison]) -> Float[np.ndarray, " N"]:
    """1 for a win of ours, 0 for a loss, 1/2 for a tie."""
    return np.array([VERDICT_POINTS[duel.verdict] for duel in fought])


def win_rate(
    fought: Sequence[PairwiseComparison], rng: np.random.Generator, level: float = 0.95
) -> WinRate:
    """The share of questions that ours wins, and how far the judge went by position."""
    if not fought:
        raise BadInput("a win rate needs at least one question, got none")
    verdicts = [duel.verdict for duel in fought]
    scores = win_points(fought)
    moved = [VERDICT_POINTS[duel.read_first] - VERDICT_POINTS[duel.read_second] for duel in fought]
    return WinRate(
        wins=verdicts.count("A"),
        losses=verdicts.count("B"),
        ties=verdicts.count("tie"),
        wilson=wilson_interval(float(scores.mean()), len(fought), level),
        bootstrap=bootstrap_mean(scores, rng, level),
        first_favoured=sum(shift > 0 for shift in moved) / len(fought),
        second_favoured=sum(shift < 0 for shift in moved) / len(fought),
    )


def sign_test(wins: int, losses: int) -> float:
    r"""P(a split at least as uneven | both are equally good), ties left out.

    p = min(1, 2 sum over k <= min(wins, losses) of C(n, k) / 2^n),    n = wins + losses

    With answers that are right or wrong it is the exact test of McNemar 1947: wins are questions
    that only ours got right.
    """
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / 2**n)
