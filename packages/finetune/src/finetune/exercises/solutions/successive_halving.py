"""More steps for promising settings (Jamieson and Talwalkar 2016, "Successive Halving")."""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

Setting = TypeVar("Setting")


def successive_halving(
    run: Callable[[Setting, int], float], settings: Sequence[Setting], steps: int
) -> Setting:
    """Run all settings that are left, keep the better half, double the steps, and repeat."""
    left = list(settings)
    while len(left) > 1:
        losses = [run(setting, steps) for setting in left]
        losses = [math.inf if math.isnan(loss) else loss for loss in losses]
        order = sorted(range(len(left)), key=losses.__getitem__)
        left = [left[place] for place in order[: (len(left) + 1) // 2]]
        steps *= 2
    return left[0]
