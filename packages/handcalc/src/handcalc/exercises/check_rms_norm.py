"""Check RMSNorm: no mean subtracted, epsilon under the root, one gain per column."""

from collections.abc import Callable

from handcalc.calculation import Matrix, Vector


def check(rms_norm: Callable[[Matrix, Vector, float], Matrix]) -> None:
    """Check rows whose square roots are whole numbers."""
    cases = [
        # squares 1 + 49 = 50, their mean 25, the root 5
        ([[1.0, 7.0]], [1.0, 1.0], 0.0, [[0.2, 1.4]]),
        ([[2.0, 2.0, 2.0]], [1.0, 10.0, -1.0], 0.0, [[1.0, 10.0, -1.0]]),
        # mean squares of 13 each, plus epsilon 16, the root 4
        ([[1.0, 5.0], [1.0, -5.0]], [1.0, 2.0], 3.0, [[0.25, 2.5], [0.25, -2.5]]),
        ([[0.0, 0.0]], [1.0, 1.0], 4.0, [[0.0, 0.0]]),
    ]
    for x, gamma, epsilon, expected in cases:
        found = rms_norm(x, gamma, epsilon)
        same = [len(row) for row in found] == [len(row) for row in expected] and all(
            abs(a - b) < 1e-12
            for row, other in zip(found, expected, strict=True)
            for a, b in zip(row, other, strict=True)
        )
        assert same, f"{x} with gains {gamma} and epsilon {epsilon} is {expected}, not {found}"
