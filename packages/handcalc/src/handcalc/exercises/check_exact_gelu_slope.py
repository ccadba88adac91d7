"""Check the slope of the exact GELU, which differs from that of the tanh form."""

import math
from collections.abc import Callable

from handcalc.gradients.differences import differences


def check(exact_gelu_slope: Callable[[float], float]) -> None:
    """Check the value 0.5 at zero, then finite differences."""
    found = exact_gelu_slope(0.0)
    assert found == 0.5, f"at 0 the slope is Phi(0) = 0.5, not {found}"

    at = [0.0]
    for x in (-4.0, -2.0, -1.0, -0.3, 0.4, 1.0, 2.5):
        at[0] = x
        (slope,) = differences(lambda: at[0] * (1.0 + math.erf(at[0] / math.sqrt(2.0))) / 2.0, at)
        found = exact_gelu_slope(x)
        assert abs(found - slope) < 1e-8, f"at {x} the slope is {slope:.8f}, not {found:.8f}"
