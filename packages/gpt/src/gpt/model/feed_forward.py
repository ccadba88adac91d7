r"""The feed-forward layer: each position on its own is widened, bent, and narrowed again.

FFN(x) = f(x W_1 + b_1) W_2 + b_2    (Vaswani et al. 2017, eq. 2, with f = ReLU)

GLU(x) = (f(x W_gate + b_gate) * (x W_up + b_up)) W_2 + b_2    (Shazeer 2020, eq. 5 and 6)

The gated form multiplies two widened copies, so that one decides how much of the other passes. It
has a third matrix; at two thirds of the width both forms have as many weights.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gpt.device import is_eager_cpu
from gpt.model.layers import Linear


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
    return x.clamp(min=0).square()


class FastSquaredReLU(torch.autograd.Function):
    """`squared_relu`, remembering max(x, 0) alone; first derivatives only."""

    @staticmethod
    def forward(ctx: Any, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """The bend."""
        kept = F.relu(x)
        ctx.save_for_backward(kept)
        return kept * kept

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Its slope: 2 max(x, 0)."""
        (kept,) = ctx.saved_tensors
        return (upstream[0] * kept).mul_(2)


class FastGELU(torch.autograd.Function):
    r"""`gelu` by a sigmoid, which is cheaper on a CPU than tanh; first derivatives only.

    (1 + tanh(u/2)) / 2 = sigmoid(u), so y = x s with s = sigmoid(u), u = 2 sqrt(2/pi) (x + c x^3)
    """

    SCALE, CUBE = 2 * math.sqrt(2 / math.pi), 0.044715

    @staticmethod
    def forward(ctx: Any, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """The bend."""
        scale = x.new_full((), FastGELU.SCALE)
        u = torch.addcmul(scale, x, x, value=FastGELU.SCALE * FastGELU.CUBE).mul_(x)
        s = u.sigmoid_()
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Its slope: s (1 + x u' (1 - s))."""
        x, s = ctx.saved_tensors
        scale = x.new_full((), FastGELU.SCALE)
        x_du = torch.addcmul(scale, x, x, value=3 * FastGELU.SCALE * FastGELU.CUBE).mul_(x)
        return x_du.addcmul_(x_du, s, value=-1).add_(1).mul_(s).mul_(upstream[0])


def fast_gelu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """`gelu` as fast as it goes: learning on a CPU our own way, else torch's single kernel."""
    if x.requires_grad and is_eager_cpu(x):
        return cast(Tensor, FastGELU.apply(x))
    return F.gelu(x, approximate="tanh")


def fast_squared_relu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """`squared_relu` as fast as it goes."""
    return cast(Tensor, FastSquaredReLU.apply(x))


class FeedForward(nn.Module):
    """Widen, bend, narrow."""

    def __init__(self, d_model: int, d_ff: int, bias: bool, activation: Callable) -> None:
        super().__init__()
        self.widen = Linear(d_model, d_ff, bias=bias)
        self.narrow = Linear(d_ff, d_model, bias=bias)
        self.activation = activation

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """The rows, transformed."""
        return self.narrow(self.activation(self.widen(x)))


class GatedFeedForward(nn.Module):
    """Widen twice, let one copy gate the other, narrow."""

    def __init__(self, d_model: int, d_ff: int, bias: bool, activation: Callable) -> None:
        super().__init__()
        self.gate = Linear(d_model, d_ff, bias=bias)
        self.up = Linear(d_model, d_ff, bias=bias)
        self.narrow = Linear(d_ff, d_model, bias=bias)
        self.activation = activation

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """The rows, transformed."""
        return self.narrow(self.activation(self.gate(x)) * self.up(x))


FEED_FORWARDS: dict[str, Callable[[int, int, bool], nn.Module]] = {
    "relu": partial(FeedForward, activation=F.relu),
    "relu2": partial(FeedForward, activation=fast_squared_relu),
    "gelu": partial(FeedForward, activation=fast_gelu),
    "gelu-erf": partial(FeedForward, activation=F.gelu),
    "silu": partial(FeedForward, activation=F.silu),
    "swiglu": partial(GatedFeedForward, activation=F.silu),
    "geglu": partial(GatedFeedForward, activation=fast_gelu),
    "geglu-erf": partial(GatedFeedForward, activation=F.gelu),
    "reglu": partial(GatedFeedForward, activation=F.relu),
}
"""Every kind by name: the bend, and whether a gate multiplies it."""
