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

from finetune.evaluation.intervals import Interval, bootstrap_mean, wilson
from gpt.errors import BadInput

Verdict = Literal["A", "B", "tie"]
Question = TypeVar("Question")
Answer = TypeVar("Answer")
Judge = Callable[[Question, Answer, Answer], Verdict]
"""judge(question, a, b) says which answer is better; it reads a first. Mostly all are texts."""

SWAPPED: dict[str, Verdict] = {"A": "B", "B": "A", "tie": "tie"}
POINTS = {"A": 1.0, "B": 0.0, "tie": 0.5}


class Duel(NamedTuple):
    """What a judge said twice of our answer, always called A here, and theirs, B."""

    read_first: Verdict
    """When ours was shown first."""
    read_second: Verdict
    """When theirs was."""

    @property
    def verdict(self) -> Verdict:
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


def duels(
    judge: Judge[Question, Answer],
    questions: Sequence[Question],
    ours: Sequence[Answer],
    theirs: Sequence[Answer],
) -> list[Duel]:
    """Ask the judge about every question, in both orders."""
    if not len(questions) == len(ours) == len(theirs):
        raise BadInput(
            f"{len(questions)} questions need as many answers of both sides, "
            f"got {len(ours)} and {len(theirs)}"
        )
    return [
        Duel(checked(judge(question, a, b)), SWAPPED[checked(judge(question, b, a))])
        for question, a, b in zip(questions, ours, theirs, strict=True)
    ]


def checked(verdict: str) -> Verdict:
    """A judge that is a model may say anything."""
    if verdict in ("A", "B", "tie"):
        return verdict
    raise BadInput(f"a judge must say A, B or tie, got {verdict!r}")


def points(fought: Sequence[Duel]) -> Float[np.ndarray, " N"]:
    """1 for a win of ours, 0 for a loss, 1/2 for a tie."""
    return np.array([POINTS[duel.verdict] for duel in fought])


def win_rate(fought: Sequence[Duel], rng: np.random.Generator, level: float = 0.95) -> WinRate:
    """The share of questions that ours wins, and how far the judge went by position."""
    if not fought:
        raise BadInput("a win rate needs at least one question, got none")
    verdicts = [duel.verdict for duel in fought]
    scores = points(fought)
    moved = [POINTS[duel.read_first] - POINTS[duel.read_second] for duel in fought]
    return WinRate(
        wins=verdicts.count("A"),
        losses=verdicts.count("B"),
        ties=verdicts.count("tie"),
        wilson=wilson(float(scores.mean()), len(fought), level),
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
