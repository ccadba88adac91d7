"""Exercise of the chapter on feed-forward layers: the slope of a smooth activation."""


def gelu_slope(x: float) -> float:
    """Return the derivative at x of the tanh form of GELU.

    y = x / 2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3)
    """
    raise NotImplementedError
