"""What one query takes home."""

import math

from handcalc.calculation import Matrix, Vector, dot, weighted_sum
from handcalc.layers.attention import softmax


def attend(query: Vector, keys: Matrix, values: Matrix) -> Vector:
    """The mixture of the values, in shares by the softmax of query . key / sqrt(d_k)."""
    root = math.sqrt(len(query))
    return weighted_sum(softmax([dot(query, key) / root for key in keys]), values)
