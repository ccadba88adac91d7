r"""Metrics of scores: how well they rank states, and whether they are calibrated chances.

Spearman's rank correlation is the correlation of the ranks, where equal values share their mean
rank (Spearman 1904). Against a truth of two values, such as V*, it cannot reach 1 unless the scores
are tied as well: if a share p of the states can be won,

    rho = (2 AUC - 1) sqrt(3 p (1 - p))    for scores without ties

so even a perfect ranking (AUC 1) reaches 0.75 at p = 1/4, and 0.61 at p = 0.15. The AUC is the
chance that a state that can be won has a higher score than one that cannot (Hanley and McNeil
1982).

A score is calibrated if states with a score near s are won with a chance of s. The exact V^pi takes
the place of counted wins, so the error has no noise from counting:

    ECE = sum over bins of (states in the bin / all) |mean score - mean V^pi|
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from gpt.errors import BadInput


def ranks(values: Shaped[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """Return the rank of each value, from 1; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def rank_correlation(a: Shaped[np.ndarray, " N"], b: Shaped[np.ndarray, " N"]) -> float:
    """Return Spearman's rho; NaN if all values of one side are equal."""
    if len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return float("nan")
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def highest_rank_correlation(truth: Bool[np.ndarray, " N"]) -> float:
    """Return the rho that scores without ties can reach against a truth of two values."""
    p = truth.mean()
    return float(np.sqrt(3 * p * (1 - p)))


def roc_auc(scores: Float[np.ndarray, " N"], truth: Bool[np.ndarray, " N"]) -> float:
    """Return the AUC: how often a true item has the higher score of two; a tie counts half."""
    n_true = int(truth.sum())
    if n_true in (0, len(truth)):
        return float("nan")
    surplus = ranks(scores)[truth].sum() - n_true * (n_true + 1) / 2
    return float(surplus / (n_true * (len(truth) - n_true)))


class ValueBin(NamedTuple):
    """States with neighbouring scores."""

    n: int
    score: float
    """Mean score."""
    value: float
    """Mean exact value."""


def calibration_bins(
    scores: Float[np.ndarray, " N"], values: Float[np.ndarray, " N"], n_bins: int = 10
) -> list[ValueBin]:
    """Sort states by score into bins of equal size.

    Raises:
        BadInput: there are fewer states than bins.
    """
    if len(scores) < n_bins:
        raise BadInput(f"{n_bins} bins need as many states, got {len(scores)}")
    order = np.argsort(scores, kind="stable")
    return [
        ValueBin(len(part), float(scores[part].mean()), float(values[part].mean()))
        for part in np.array_split(order, n_bins)
    ]


def value_calibration_error(bins: list[ValueBin]) -> float:
    """Return the expected calibration error of bins."""
    total = sum(each.n for each in bins)
    return sum(each.n / total * abs(each.score - each.value) for each in bins)
