r"""Calibration: if a reward model is 80 % confident, is it right in 80 % of the pairs?

The confidence in a pair is the Bradley-Terry probability of the answer that the model prefers,
sigmoid(|chosen - rejected|), between 1/2 and 1. Guo et al. 2017 sort predictions into bins by
confidence and compare the mean confidence of each bin with its accuracy:

ECE = sum over bins of (pairs in the bin / all) |accuracy - confidence|    (eq. 3)

Multiplying all scores by 5 keeps every ranking and ruins the calibration.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from finetune.evaluation.reward_scores import pair_accuracy
from gpt.errors import BadInput


class CalibrationBin(NamedTuple):
    """The pairs whose confidence is above `low` and at most `high`."""

    low: float
    high: float
    n: int
    confidence: float
    """Mean confidence; NaN if the bin is empty."""
    accuracy: float
    """Share of pairs ranked right, ties one half; NaN if the bin is empty."""


def confidences(margins: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """Compute the confidence sigmoid(|margin|) of each pair."""
    return 1 / (1 + np.exp(-np.abs(margins)))


def reliability_bins(margins: Float[np.ndarray, " N"], n_bins: int = 10) -> list[CalibrationBin]:
    """Sort pairs into bins of equal width from 1/2 to 1; the first bin includes 1/2."""
    confidence, right = confidences(margins), pair_accuracy(margins)
    edges = np.linspace(0.5, 1.0, n_bins + 1)
    place = np.digitize(confidence, edges[1:-1], right=True)
    bins = []
    for number in range(n_bins):
        inside = place == number
        means = (
            float(each[inside].mean()) if inside.any() else float("nan")
            for each in (confidence, right)
        )
        low, high = float(edges[number]), float(edges[number + 1])
        bins.append(CalibrationBin(low, high, int(inside.sum()), *means))
    return bins


def calibration_error(bins: list[CalibrationBin]) -> float:
    """Compute the expected calibration error; only compare values for equal numbers of bins.

    Raises:
        BadInput: all bins are empty.
    """
    n_pairs = sum(each.n for each in bins)
    if n_pairs == 0:
        raise BadInput("there are no pairs to calibrate on")
    return sum(each.n / n_pairs * abs(each.accuracy - each.confidence) for each in bins if each.n)
