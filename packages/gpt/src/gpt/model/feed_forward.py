r"""The feed-forward layer: two linear maps with an activation between them, at each position.

FFN(x) = f(x W_1 + b_1) W_2 + b_2    (Vaswani et al. 2017, eq. 2, with f = ReLU)

GLU(x) = (f(x W_gate + b_gate) * (x W_up + b_up)) W_2 + b_2    (Shazeer 2020, eq. 5 and 6)

The gated form multiplies two projections, so that one decides how much of the other passes. It has
a third matrix; at two thirds of the width both forms have the same number of weights.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]


def relu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Compute y = max(x, 0)."""
    return x.clamp(min=0)


def gelu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    r"""A smooth ReLU: about x times the probability that a standard normal is below x.

    y = x / 2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))    (Hendrycks and Gimpel 2016, section 2)

    This is the tanh form, which GPT-2 uses; the exact form differs in the fourth decimal.
    """
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    r"""A number times its own sigmoid, also called swish.

    y = x / (1 + e^-x)    (Elfwing et al. 2018, eq. 1)
    """
    return x / (1 + torch.exp(-x))


def squared_relu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """The square of ReLU, max(x, 0)^2, which So et al. 2021 ("Primer") found by search."""
    return x.clamp(min=0).square()


class FeedForward(nn.Module):
    """The plain feed-forward layer."""

    def __init__(self, d_model: int, d_ff: int, bias: bool, activation: Activation) -> None:
        super().__init__()
        self.widen = nn.Linear(d_model, d_ff, bias=bias)
        self.narrow = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = activation

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Compute f(x W_1 + b_1) W_2 + b_2."""
        return self.narrow(self.activation(self.widen(x)))


class GatedFeedForward(nn.Module):
    """The feed-forward layer with a gate."""

    def __init__(self, d_model: int, d_ff: int, bias: bool, activation: Activation) -> None:
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=bias)
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.narrow = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = activation

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Compute (f(x W_gate + b_gate) * (x W_up + b_up)) W_2 + b_2."""
        return self.narrow(self.activation(self.gate(x)) * self.up(x))


ACTIVATIONS: dict[str, Activation] = {
    "relu": F.relu,
    "relu2": squared_relu,
    "gelu": gelu,
    "gelu-erf": F.gelu,
    "silu": F.silu,
}
"""Activations of the plain layer, by the names that `GPTConfig.feed_forward` uses."""

GATE_ACTIVATIONS: dict[str, Activation] = {
    "reglu": F.relu,
    "geglu": gelu,
    "geglu-erf": F.gelu,
    "swiglu": F.silu,
}
"""Activations of the gated layer, by the names that `GPTConfig.feed_forward` uses."""


def make_feed_forward(kind: str, d_model: int, d_ff: int, bias: bool) -> nn.Module:
    """Build the plain or gated feed-forward layer called `kind`."""
    if kind in GATE_ACTIVATIONS:
        return GatedFeedForward(d_model, d_ff, bias, GATE_ACTIVATIONS[kind])
    return FeedForward(d_model, d_ff, bias, ACTIVATIONS[kind])
