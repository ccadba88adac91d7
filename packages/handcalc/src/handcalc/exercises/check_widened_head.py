"""Check a matrix for whole rows against the small one that reads a part of each row."""

import math
from collections.abc import Callable

from handcalc.calculation import Matrix, times
from handcalc.layers.attention import attention
from handcalc.toys.pizza import pencil_weights, walk


def check(widened_head: Callable[[Matrix, int, int], Matrix]) -> None:
    """Check a matrix by hand, then all six matrices of the walk-through."""
    yours = widened_head([[5.0], [7.0]], 1, 3)
    wide = [[0.0], [0.0], [5.0], [7.0], [0.0], [0.0]]
    assert yours == wide, f"(5, 7) as the second of three heads is {wide}, not {yours}"
    weights = pencil_weights()
    values = walk(weights, attention).values
    for letter in "QKV":
        for h in (0, 1):
            wide = widened_head(weights[f"W_{letter}.{h}"], h, 2)
            size = f"{len(wide)} x {len(wide[0])}"
            assert size == "6 x 3", f"W_{letter}.{h} becomes 6 x 3, and yours is {size}"
            found, right = times(values["X"], wide), values[f"{letter}.{h}"]
            assert all(math.dist(*rows) < 1e-12 for rows in zip(found, right)), (
                f"{letter}.{h} for the three words is {right}, not {found}"
            )
