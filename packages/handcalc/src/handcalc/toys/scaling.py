"""Why attention divides scores by sqrt(d_k)    (Vaswani et al. 2017, section 3.2.1, footnote 4).

q . k is a sum of d_k products. If the numbers of q and k are independent with mean 0 and variance
1, each product has mean 0 and variance 1. Variances of independent terms add up, so the variance of
q . k is d_k, and that of q . k / sqrt(d_k) is 1.

Here q and k are seeded draws from a normal distribution, and we measure what the softmax makes of
their scores.
"""

import random
from typing import NamedTuple

from handcalc.calculation import Matrix, times_transposed
from handcalc.layers.attention import softmax
from handcalc.layers.layer_norm import mean, variances


def random_scores(d_k: int, n_queries: int, n_keys: int, seed: int) -> Matrix:
    """Return the dot products of random queries and keys from N(0, 1), one row per query."""
    draws = random.Random(seed)
    rows = [[draws.gauss(0, 1) for _ in range(d_k)] for _ in range(n_queries + n_keys)]
    return times_transposed(rows[:n_queries], rows[n_queries:])


class ScoreStatistics(NamedTuple):
    """The spread of the scores, and how much attention a single key gets."""

    variance: float
    """Variance of all scores."""
    largest_weight: float
    """Largest attention weight of a query, averaged over the queries."""


def score_statistics(scores: Matrix) -> ScoreStatistics:
    """Return the variance of the scores and the mean of each query's largest attention weight."""
    flat = [score for row in scores for score in row]
    (variance,) = variances([flat], [mean(flat)])
    return ScoreStatistics(variance, mean([max(softmax(row)) for row in scores]))


def divide_by_root(scores: Matrix, d_k: float) -> Matrix:
    """Divide all scores by sqrt(d_k)."""
    root = d_k**0.5
    return [[score / root for score in row] for row in scores]
