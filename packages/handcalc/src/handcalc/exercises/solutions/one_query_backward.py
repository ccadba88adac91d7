"""The backward pass of attention for a single query."""

import math

from handcalc.calculation import Matrix, Vector, dot, weighted_sum
from handcalc.layers.attention import softmax, softmax_backward


def one_query_backward(
    q: Vector, keys: Matrix, values: Matrix, o_grad: Vector
) -> tuple[Vector, Matrix, Matrix]:
    """Go back through the weighted sum, the softmax and the dot products, in this order."""
    root = math.sqrt(len(q))
    p = softmax([dot(q, key) / root for key in keys])
    s_grad = softmax_backward(p, [dot(o_grad, value) for value in values])
    q_grad = weighted_sum([slope / root for slope in s_grad], keys)
    keys_grad = [[slope / root * each for each in q] for slope in s_grad]
    values_grad = [[share * slope for slope in o_grad] for share in p]
    return q_grad, keys_grad, values_grad
