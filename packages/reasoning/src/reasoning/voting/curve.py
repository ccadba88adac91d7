"""The accuracy of votes by their number of samples, next to the prediction of theory.

Half of the samples of each problem are counted to estimate the chances of its answers, from which
`prediction` says how often a vote is right. The other half votes. So prediction and measurement
share no sample, and agree only if the samples of a problem are independent.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gpt.errors import BadInput
from gpt.evaluation.intervals import bootstrap_mean
from reasoning.voting.prediction import plurality_chance
from reasoning.voting.votes import majority_vote


class VoteRate(NamedTuple):
    """Measured and predicted rate of right votes of `n` samples, as means over problems."""

    n: int
    measured: float
    low: float
    """Lower end of the 95 % interval of `measured`, over problems (percentile bootstrap)."""
    high: float
    """Upper end of the interval."""
    predicted: float


def vote_curve(
    answers: Sequence[Sequence[int | None]], right: Sequence[int], sizes: Sequence[int]
) -> list[VoteRate]:
    """Return the measured and the predicted rate of votes of each size.

    Args:
        answers: the answers of the samples of each problem; None where a sample has none.
        right: the right answer of each problem.
        sizes: numbers of samples that vote, at most half of those of a problem.

    Raises:
        BadInput: there are no problems, or fewer samples than two votes need.
    """
    n_samples = min(map(len, answers), default=0)
    if n_samples < 2 * max(sizes):
        raise BadInput(f"votes of {max(sizes)} need {2 * max(sizes)} samples, got {n_samples}")
    random = np.random.default_rng(0)
    rates = []
    for size in sizes:
        measured, predicted = [], []
        for row, best in zip(answers, right, strict=True):
            half = len(row) // 2
            predicted.append(predicted_rate(row[:half], best, size))
            measured.append(measured_rate(row[half:], best, size))
        interval = bootstrap_mean(np.array(measured), random)
        rates.append(VoteRate(size, *interval, float(np.mean(predicted))))
    return rates


def measured_rate(answers: Sequence[int | None], right: int, size: int) -> float:
    """Return the share of right votes, each among the next `size` samples."""
    begins = range(0, len(answers) - size + 1, size)
    return float(np.mean([majority_vote(answers[i : i + size]) == right for i in begins]))


def predicted_rate(answers: Sequence[int | None], right: int, size: int) -> float:
    """Return the chance that a vote is right if each answer's chance is its share of `answers`."""
    shares = {answer: n / len(answers) for answer, n in Counter(answers).items()}
    others = [share for answer, share in shares.items() if answer not in (None, right)]
    return plurality_chance(shares.get(right, 0.0), others, size)
