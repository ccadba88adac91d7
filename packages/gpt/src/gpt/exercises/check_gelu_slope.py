"""Is this the slope of the tanh form of GELU?"""

from collections.abc import Callable

import torch

from gpt.model.feed_forward import gelu


def check(gelu_slope: Callable[[float], float]) -> None:
    """Check seven points of a table, then many points against torch's own derivative."""
    table = {-2: -0.0861, -1: -0.0830, -0.5: 0.1326, 0: 0.5, 0.5: 0.8674, 1: 1.0830, 2: 1.0861}
    for x, slope in table.items():
        yours = gelu_slope(float(x))
        assert abs(yours - slope) < 6e-5, f"at {x} the slope is {slope}, not {yours:.4f}"

    points = torch.linspace(-4, 4, 33, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(gelu(points).sum(), points)
    for x, slope in zip(points.tolist(), slopes.tolist(), strict=True):
        yours = gelu_slope(x)
        assert abs(yours - slope) < 1e-9, f"at {x} the slope is {slope:.10f}, not {yours:.10f}"
