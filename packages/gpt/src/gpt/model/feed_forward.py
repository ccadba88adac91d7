r"""The feed-forward layer: each position on its own is widened, bent, and narrowed again.

FFN(x) = f(x W_1 + b_1) W_2 + b_2    (Vaswani et al. 2017, eq. 2, with f = ReLU)

GLU(x) = (f(x W_gate + b_gate) * (x W_up + b_up)) W_2 + b_2    (Shazeer 2020, eq. 5 and 6)

The gated form multiplies two widened copies, so that one decides how much of the other passes. It
has a third matrix; at two thirds of the width both forms have as many weights.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def relu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Nothing below zero: y = max(x, 0)."""
    return x.clamp(min=0)


def gelu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    r"""A smooth ReLU: x times the probability that a standard normal lies below x, nearly.

    y = x / 2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))    (Hendrycks and Gimpel 2016, section 2)

    This is the tanh form, GPT-2's; the exact form differs in the fourth decimal.
    """
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    r"""A number times its own sigmoid, also called swish.

    y = x / (1 + e^-x)    (Elfwing et al. 2018, eq. 1)
    """
    return x / (1 + torch.exp(-x))


def squared_relu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """The square of ReLU, max(x, 0)^2, which So et al. 2021 ("Primer") found by search."""
    return F.relu(x).square()


class FeedForward(nn.Module):
    """Widen, bend, narrow."""

    def __init__(self, d_model: int, d_ff: int, bias: bool, activation: Callable) -> None:
        super().__init__()
        self.widen = nn.Linear(d_model, d_ff, bias=bias)
        self.narrow = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = activation

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """The rows, transformed."""
        return self.narrow(self.activation(self.widen(x)))


class GatedFeedForward(nn.Module):
    """Widen twice, let one copy gate the other, narrow; the rows of the gate come first."""

    def __init__(self, d_model: int, d_ff: int, bias: bool, activation: Callable) -> None:
        super().__init__()
        self.widen = nn.Linear(d_model, 2 * d_ff, bias=bias)
        self.narrow = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = activation

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """The rows, transformed."""
        gate, up = self.widen(x).chunk(2, dim=-1)
        return self.narrow(self.activation(gate) * up)


FAST_GELU = partial(F.gelu, approximate="tanh")
FEED_FORWARDS: dict[str, Callable[[int, int, bool], nn.Module]] = {
    "relu": partial(FeedForward, activation=F.relu),
    "relu2": partial(FeedForward, activation=squared_relu),
    "gelu": partial(FeedForward, activation=FAST_GELU),
    "gelu-erf": partial(FeedForward, activation=F.gelu),
    "silu": partial(FeedForward, activation=F.silu),
    "swiglu": partial(GatedFeedForward, activation=F.silu),
    "geglu": partial(GatedFeedForward, activation=FAST_GELU),
    "geglu-erf": partial(GatedFeedForward, activation=F.gelu),
    "reglu": partial(GatedFeedForward, activation=F.relu),
}
"""Every kind by name: the bend, and whether a gate multiplies it."""
