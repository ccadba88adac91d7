"""Check that the contributions of the heads are right and add up to the whole."""

import math
from collections.abc import Callable

from handcalc.calculation import Matrix, concatenate, plus, times_transposed


def check(contributions: Callable[[list[Matrix], Matrix], list[Matrix]]) -> None:
    """Check two heads of width 1 by hand, then three of width 2."""
    found = contributions([[[1.0], [2.0]], [[10.0], [0.0]]], [[3.0, 4.0], [5.0, 6.0]])
    expected = [[[3.0, 5.0], [6.0, 10.0]], [[40.0, 60.0], [0.0, 0.0]]]
    assert found == expected, f"two heads of width 1 write {expected}, not {found}"

    outputs = [
        [[math.sin(7.0 * h + 3 * t + i) for i in range(2)] for t in range(4)] for h in (0, 1, 2)
    ]
    w_o = [[math.cos(2.0 * o + i) for i in range(6)] for o in range(6)]
    parts = contributions(outputs, w_o)
    assert len(parts) == 3, f"three heads write three matrices, not {len(parts)}"
    whole = times_transposed(concatenate(*outputs), w_o)
    for row, other in zip(plus(*parts), whole, strict=True):
        assert all(abs(a - b) < 1e-12 for a, b in zip(row, other, strict=True)), (
            f"together the heads write {other}, and your parts add up to {row}"
        )
    silent = contributions([[[0.0, 0.0]] * 4, *outputs[1:]], w_o)
    assert silent[1:] == parts[1:], "what head 0 says changes nothing that the others write"
