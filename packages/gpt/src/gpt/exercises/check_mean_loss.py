"""Does every term have the same weight?"""

import math
from collections.abc import Callable


def check(mean_loss: Callable[[list[tuple[float, int]]], float]) -> None:
    """Check cases to work out in the head."""
    cases = [
        ("equal pieces", [(2.0, 4), (4.0, 4)], 3.0),
        ("one term of 6 and three of 2", [(2.0, 3), (6.0, 1)], 3.0),
        ("a piece without terms", [(2.0, 3), (math.nan, 0), (6.0, 1)], 3.0),
    ]
    for name, pieces, mean in cases:
        yours = mean_loss(pieces)
        assert math.isclose(yours, mean), f"{name}: {pieces} have the mean {mean}, not {yours}"
