"""What one query takes home."""

import math

from handcalc.operations.attention import softmax
from handcalc.operations.matrices import Matrix, Vector, dot, mixed


def attend(query: Vector, keys: Matrix, values: Matrix) -> Vector:
    """The mixture of the values, in shares by the softmax of query . key / sqrt(d_k)."""
    root = math.sqrt(len(query))
    return mixed(softmax([dot(query, key) / root for key in keys]), values)
