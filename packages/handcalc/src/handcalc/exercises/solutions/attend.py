"""Attention for a single query."""

import math

from handcalc.calculation import Matrix, Vector, dot, weighted_sum
from handcalc.layers.attention import softmax


def attend(query: Vector, keys: Matrix, values: Matrix) -> Vector:
    """Return the sum of the values, weighted by the softmax of query . key / sqrt(d_k)."""
    root = math.sqrt(len(query))
    return weighted_sum(softmax([dot(query, key) / root for key in keys]), values)
