"""Check the gradient at the input of an RMSNorm."""

import math
from collections.abc import Callable
from functools import partial

from handcalc.calculation import Vector, dot
from handcalc.gradients.differences import differences


def check(rms_norm_backward: Callable[[Vector, float, Vector], Vector]) -> None:
    """Check one row by hand, then other rows and epsilons against finite differences."""
    # r = 1 and z = x; the mean of z.grad z is 1/4
    found = rms_norm_backward([-1.0, 1.0, 1.0, -1.0], 0.0, [-1.0, 0.0, 0.0, 0.0])
    expected = [-0.75, -0.25, -0.25, 0.25]
    same = all(abs(a - b) < 1e-12 for a, b in zip(found, expected, strict=True))
    assert same, f"at (-1, 1, 1, -1) with z.grad (-1, 0, 0, 0) it is {expected}, not {found}"

    for x, epsilon in (([0.5, -2.0, 1.0], 0.0), ([0.3, 0.1, -0.2], 0.5)):
        z_grad, at = [1.0, -0.5, 2.0], list(x)
        tried = differences(partial(outcome, at, epsilon, z_grad), at)
        found = rms_norm_backward(list(x), epsilon, z_grad)
        same = all(abs(a - b) < 1e-8 for a, b in zip(found, tried, strict=True))
        assert same, f"at {x} with epsilon {epsilon} differences say {tried}, not {found}"


def outcome(x: Vector, epsilon: float, slopes: Vector) -> float:
    """Return a loss with these slopes at z = x / r."""
    return dot(slopes, x) / math.sqrt(dot(x, x) / len(x) + epsilon)
