"""Is this the step of Lion?"""

import math
from collections.abc import Callable


def check(lion_update: Callable[..., tuple[float, float]]) -> None:
    """Check steps to work out in the head, with the rate 0.1 and betas 0.5 and 0.75."""
    cases = [
        ("up the slope is down", (1.0, 4.0, 0.0, 0.0), (0.9, 1.0)),
        ("the size of the gradient is nothing", (1.0, -0.04, 0.0, 0.0), (1.1, -0.01)),
        ("the mean outvotes the gradient", (1.0, -1.0, 2.0, 0.0), (0.9, 1.25)),
        ("c of 0 moves nothing", (1.0, -2.0, 2.0, 0.0), (1.0, 1.0)),
        ("the old weight shrinks", (2.0, 4.0, 0.0, 0.5), (1.8, 1.0)),
    ]
    for name, (weight, gradient, mean, decay), right in cases:
        yours = lion_update(weight, gradient, mean, 0.1, (0.5, 0.75), decay)
        same = all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(yours, right, strict=True))
        assert same, (
            f"{name}: w {weight}, g {gradient}, m {mean}, decay {decay} becomes {right}, "
            f"not {tuple(yours)}"
        )
