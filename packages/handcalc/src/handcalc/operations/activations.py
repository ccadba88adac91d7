"""The bends of the feed-forward layer, and their slopes."""

from handcalc.operations.matrices import Matrix
from handcalc.operations.scalars import tanh

ROOT, CUBE = 0.7978845608028654, 0.044715  # sqrt(2 / pi)


def gelu(x: float) -> float:
    """A smooth ReLU: x times nearly the share of a standard normal that lies below x.

    y = x/2 (1 + tanh(u)),    u = sqrt(2/pi) (x + 0.044715 x^3)

    This is the tanh form of Hendrycks and Gimpel 2016, section 2, which GPT-2 uses.
    """
    return 0.5 * x * (1.0 + tanh(ROOT * (x + CUBE * x * x * x)))


def gelu_slope(x: float) -> float:
    """The derivative of the tanh form itself, and not that of the exact GELU.

    dy/dx = (1 + tanh(u))/2 + x/2 (1 - tanh(u)^2) du/dx,    du/dx = sqrt(2/pi) (1 + 3 0.044715 x^2)
    """
    t = tanh(ROOT * (x + CUBE * x * x * x))
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * ROOT * (1.0 + 3.0 * CUBE * x * x)


def relu(x: float) -> float:
    """Nothing below zero: y = max(x, 0)."""
    return x if x > 0.0 else 0.0


def relu_slope(x: float) -> float:
    """1 above zero, 0 below, and 0 at zero, where there is none."""
    return 1.0 if x > 0.0 else 0.0


def gelu_rows(h: Matrix) -> Matrix:
    """G[t][f] = GELU(H[t][f])."""
    return [[gelu(x) for x in row] for row in h]


def gelu_rows_backward(h: Matrix, g_grad: Matrix) -> Matrix:
    """H.grad[t][f] = G.grad[t][f] GELU'(H[t][f])."""
    return [
        [gradient * gelu_slope(x) for x, gradient in zip(row, gradients)]
        for row, gradients in zip(h, g_grad)
    ]
