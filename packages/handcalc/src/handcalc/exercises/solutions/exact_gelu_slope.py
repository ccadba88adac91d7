"""The slope of the exact GELU."""

import math


def exact_gelu_slope(x: float) -> float:
    """Phi(x) + x Phi'(x)."""
    phi = (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0
    return phi + x * math.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi)
