r"""When a reward model is 80 % sure, is it right in 80 % of the pairs?

The confidence in a pair is the Bradley-Terry probability of the answer that the model prefers,
sigmoid(|chosen - rejected|), so between 1/2 and 1. Guo et al. 2017 sort predictions into bins by
confidence and compare the mean confidence of each bin with its accuracy:

ECE = sum over bins of (pairs in the bin / all) |accuracy - confidence|    (eq. 3)

Multiplying all scores by 5 leaves every ranking as it is and ruins the calibration.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from finetune.evaluation.reward_scores import pair_accuracy
from gpt.errors import BadInput


class CalibrationBin(NamedTuple):
    """The pairs whose confidence lies above `low` and up to `high`."""

    low: float
    high: float
    n: int
    confidence: float
    """Their mean; not a number where the bin is empty."""
    accuracy: float
    """The share ranked right, ties one half; not a number where the bin is empty."""


def confidences(margins: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """sigmoid(|margin|)."""
    return 1 / (1 + np.exp(-np.abs(margins)))


def reliability_bins(margins: Float[np.ndarray, " N"], n_bins: int = 10) -> list[CalibrationBin]:
    """The reliability diagram as a table: equal steps from 1/2, which the first bin has, to 1."""
    sure, right = confidences(margins), pair_accuracy(margins)
    edges = np.linspace(0.5, 1.0, n_bins + 1)
    place = np.digitize(sure, edges[1:-1], right=True)
    return [
        CalibrationBin(
            float(edges[number]),
            float(edges[number + 1]),
            int((place == number).sum()),
            mean_or_nan(sure[place == number]),
            mean_or_nan(right[place == number]),
        )
        for number in range(n_bins)
    ]


def mean_or_nan(values: Float[np.ndarray, " N"]) -> float:
    """The mean, where there is one."""
    return float(values.mean()) if len(values) else float("nan")


def calibration_error(bins: list[CalibrationBin]) -> float:
    """Expected calibration error; it depends on the bins, so compare equal numbers of them.

    Raises:
        BadInput: there are no pairs in them.
    """
    n_pairs = sum(each.n for each in bins)
    if n_pairs == 0:
        raise BadInput("there are no pairs to calibrate on")
    return sum(each.n / n_pairs * abs(each.accuracy - each.confidence) for each in bins if each.n)
