"""Check the chance of a coin against sums worked out by hand."""

import math
from collections.abc import Callable


def check(sign_test: Callable[[int, int], float]) -> None:
    """Compare with few throws, with no throw, and with so many that floats overflow."""
    cases = [
        ("three or four heads of four: 4 + 1 of 16", 3, 1, 5 / 16),
        ("all heads: 1 of 32", 5, 0, 1 / 32),
        ("at least no head is certain", 0, 5, 1.0),
        ("at least one head of two: 3 of 4", 1, 1, 3 / 4),
        ("without a throw, nothing is shown", 0, 0, 1.0),
        ("45 + 10 + 1 of 1,024", 8, 2, 56 / 1024),
        ("fewer wins than losses are no evidence", 2, 8, 1013 / 1024),
        ("as many wins as losses in 2,000 problems", 1_000, 1_000, 0.5089196),
    ]
    for name, wins, losses, expected in cases:
        yours = sign_test(wins, losses)
        assert math.isclose(yours, expected, rel_tol=1e-6), (
            f"{name}: {wins} wins and {losses} losses have a chance of {expected:.6f}, not {yours}"
        )
