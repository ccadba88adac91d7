"""Why scores are divided by the root of d_k    (Vaswani et al. 2017, section 3.2.1, footnote 4).

q . k is a sum of d_k products. Numbers of q and k that are independent, with mean 0 and variance 1,
have products with mean 0 and variance 1. Variances of independent terms add up, so the variance of
q . k is d_k, and that of q . k / sqrt(d_k) is 1.

Here q and k are seeded draws from a normal distribution, and what the softmax makes of their scores
is measured.
"""

import math
import random
from typing import NamedTuple

from handcalc.operations.attention import softmax
from handcalc.operations.layer_norm import mean, variances
from handcalc.operations.matrices import Matrix, Vector, times_transposed


def variance(values: Vector) -> float:
    """The mean of the squared distances from the mean."""
    return variances([values], [mean(values)])[0]


def random_scores(d_k: int, n_queries: int, n_keys: int, seed: int) -> Matrix:
    """Dot products of queries and keys whose numbers come from N(0, 1), a row for each query."""
    draws = random.Random(seed)
    rows = [[draws.gauss(0, 1) for _ in range(d_k)] for _ in range(n_queries + n_keys)]
    return times_transposed(rows[:n_queries], rows[n_queries:])


class Spread(NamedTuple):
    """What scores of width d_k look like, and how much of a query's attention one key gets."""

    variance: float
    """Of all scores."""
    largest_share: float
    """Of each query's softmax, the mean over the queries."""


def spread(scores: Matrix) -> Spread:
    """The variance of the scores, and the largest share that the softmax gives, on average."""
    every = [score for row in scores for score in row]
    return Spread(variance(every), mean([max(softmax(row)) for row in scores]))


def over_root(scores: Matrix, d_k: int) -> Matrix:
    """All scores divided by sqrt(d_k)."""
    root = math.sqrt(d_k)
    return [[score / root for score in row] for row in scores]
