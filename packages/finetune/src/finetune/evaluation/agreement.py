r"""Measure whether two judges agree more often than by chance.

kappa = (p_o - p_e) / (1 - p_e)    (Cohen 1960, eq. 1)

p_o is the share of items on which they agree, p_e the share expected of two independent judges who
use each label as often as these two. Judges who share a bias agree as well, so a high kappa does
not prove that either is right. `order_kappa` compares a judge with itself in both orders.
"""

import math
from collections import Counter
from collections.abc import Sequence

from finetune.evaluation.wins import PairwiseComparison
from gpt.errors import BadInput


def observed_agreement(a: Sequence[str], b: Sequence[str]) -> float:
    """Compute the share of items that get the same label from both judges."""
    if len(a) != len(b) or not a:
        raise BadInput(f"two judges must label the same items, got {len(a)} and {len(b)} labels")
    return sum(x == y for x, y in zip(a, b, strict=True)) / len(a)


def kappa(a: Sequence[str], b: Sequence[str]) -> float:
    """Compute agreement beyond chance: 1 is perfect, 0 is chance, negative is worse than chance.

    kappa = (p_o - p_e) / (1 - p_e); p_e sums the product of both label frequencies over the labels.
    NaN if both judges give one and the same label to everything.
    """
    observed, ours, theirs = observed_agreement(a, b), Counter(a), Counter(b)
    expected = sum(ours[label] * theirs[label] for label in ours) / (len(a) * len(b))
    return (observed - expected) / (1 - expected) if expected < 1 else math.nan


def order_kappa(comparisons: Sequence[PairwiseComparison]) -> float:
    """Compute a judge's agreement with itself when the order of the answers is swapped."""
    first = [each.read_first for each in comparisons]
    return kappa(first, [each.read_second for each in comparisons])
