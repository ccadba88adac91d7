"""The feed-forward layer: two matrix products with an activation function between them.

FFN(x) = f(x W_1^T + b_1) W_2^T + b_2    (Vaswani et al. 2017, eq. 2, with f = ReLU)
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from handcalc.arrays.layers import Array, Backward, affine

Activation: TypeAlias = Callable[[Array], tuple[Array, Backward[Array]]]
ROOT, CUBE = np.sqrt(2 / np.pi), 0.044715


def relu(x: Array) -> tuple[Array, Backward[Array]]:
    """Return y = max(x, 0); the slope is 1 above zero, and 0 at zero and below."""
    return np.maximum(x, 0.0), lambda y_grad: y_grad * (x > 0)


def gelu(x: Array) -> tuple[Array, Backward[Array]]:
    """Return y = x/2 (1 + tanh(u)),    u = sqrt(2/pi) (x + 0.044715 x^3).

    A smooth ReLU, in the tanh form of Hendrycks and Gimpel 2016, section 2.
    """
    t = np.tanh(ROOT * (x + CUBE * x**3))
    # dy/dx = (1 + tanh(u))/2 + x/2 (1 - tanh(u)^2) du/dx
    u_slope = ROOT * (1 + 3 * CUBE * x**2)
    slope = 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * u_slope
    return 0.5 * x * (1 + t), lambda y_grad: y_grad * slope


class FeedForward(NamedTuple):
    """The weights of a feed-forward layer."""

    W_1: Array
    """F D."""
    b_1: Array
    """F."""
    W_2: Array
    """D F."""
    b_2: Array
    """D."""


def feed_forward(
    x: Array, w: FeedForward, activation: Activation
) -> tuple[Array, Backward[tuple[Array, FeedForward]]]:
    """Return y = f(x W_1^T + b_1) W_2^T + b_2, where f is the activation; x is B T D."""
    h, affine_1_back = affine(x, w.W_1, w.b_1)
    g, activation_back = activation(h)
    y, affine_2_back = affine(g, w.W_2, w.b_2)

    def back(y_grad: Array) -> tuple[Array, FeedForward]:
        g_grad, w_2_grad, b_2_grad = affine_2_back(y_grad)
        x_grad, w_1_grad, b_1_grad = affine_1_back(activation_back(g_grad))
        return x_grad, FeedForward(w_1_grad, b_1_grad, w_2_grad, b_2_grad)

    return y, back
