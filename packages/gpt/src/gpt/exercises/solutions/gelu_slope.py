"""The slope of a smooth activation."""

import math


def gelu_slope(x: float) -> float:
    """Apply the product rule to x and 1 + tanh(u), and the chain rule: tanh' = 1 - tanh^2."""
    scale = math.sqrt(2 / math.pi)
    tanh = math.tanh(scale * (x + 0.044715 * x**3))
    u_slope = scale * (1 + 3 * 0.044715 * x**2)
    return (1 + tanh) / 2 + x / 2 * (1 - tanh**2) * u_slope
