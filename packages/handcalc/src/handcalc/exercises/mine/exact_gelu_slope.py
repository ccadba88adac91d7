"""Exercise of the chapter on the feed-forward layer: the slope of the exact GELU."""


def exact_gelu_slope(x: float) -> float:
    """Return the derivative at x of x Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2.

    `math` has erf, and the slope of Phi is e^(-x^2 / 2) / sqrt(2 pi).
    """
    raise NotImplementedError
