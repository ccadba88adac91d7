"""Check the gradients of attention for a single query."""

import math
from collections.abc import Callable

from handcalc.calculation import Matrix, Vector, dot, flatten, weighted_sum
from handcalc.gradients.differences import differences
from handcalc.layers.attention import softmax

Backward = Callable[[Vector, Matrix, Matrix, Vector], tuple[Vector, Matrix, Matrix]]


def check(one_query_backward: Backward) -> None:
    """Check two keys by hand, then three of other widths against finite differences."""
    # scores 2 ln 3 / 2 and 0, shares 3/4 and 1/4; slopes at the shares 1 and 0, at the scores 3/16
    q, keys, values = [2.0, 0, 0, 0], [[math.log(3), 0, 0, 0], [0.0] * 4], [[1.0], [0.0]]
    of_q, of_keys = [3 / 32 * math.log(3), 0, 0, 0], [[3 / 16, 0, 0, 0], [-3 / 16, 0, 0, 0]]
    compare(one_query_backward(q, keys, values, [1.0]), (of_q, of_keys, [[3 / 4], [1 / 4]]))

    q, keys = [0.5, -1.0], [[1.0, 0.3], [-0.2, 0.4], [0.7, -0.9]]
    values, o_grad = [[1.0, 2.0, 0.0], [0.5, -1.0, 3.0], [-2.0, 0.1, 1.0]], [1.0, -0.5, 2.0]

    def outcome() -> float:
        p = softmax([dot(q, key) / math.sqrt(2) for key in keys])
        return dot(o_grad, weighted_sum(p, values))

    tried = tuple(differences(outcome, tensor) for tensor in (q, keys, values))
    compare(one_query_backward(q, keys, values, o_grad), tried)


def compare(found: tuple[Vector, Matrix, Matrix], expected: tuple[Vector, Matrix, Matrix]) -> None:
    """Assert that each of the three gradients is right."""
    for name, mine, right in zip(("query", "keys", "values"), found, expected, strict=True):
        pairs = zip(flatten(mine), flatten(right), strict=True)
        same = all(abs(a - b) < 1e-8 for a, b in pairs)
        assert same, f"the gradient at the {name} is {right}, not {mine}"
