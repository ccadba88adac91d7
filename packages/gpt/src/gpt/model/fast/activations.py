r"""GELU and squared ReLU with gradients written by hand, which take less time and memory.

Each keeps for its backward pass only what the derivative needs, where autograd keeps a tensor for
every operation of the equation. They have first derivatives only.
"""

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from gpt.device import is_eager_cpu


def fast_gelu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """`gelu` by `FastGELU` in training on a CPU, and by torch's kernel elsewhere."""
    if x.requires_grad and is_eager_cpu(x):
        return cast(Tensor, FastGELU.apply(x))
    return F.gelu(x, approximate="tanh")


class FastGELU(torch.autograd.Function):
    r"""`gelu` by a sigmoid, which is cheaper on a CPU than tanh.

    (1 + tanh(u/2)) / 2 = sigmoid(u), so y = x s with s = sigmoid(u), u = 2 sqrt(2/pi) (x + c x^3)
    """

    SCALE, CUBE = 2 * math.sqrt(2 / math.pi), 0.044715

    @staticmethod
    def forward(ctx: Any, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Compute y = x s, where s = sigmoid(u) as above, and keep s for the derivative."""
        scale = x.new_full((), FastGELU.SCALE)
        u = torch.addcmul(scale, x, x, value=FastGELU.SCALE * FastGELU.CUBE).mul_(x)
        s = u.sigmoid_()
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Multiply the gradient by the derivative, s (1 + x u' (1 - s))."""
        x, s = ctx.saved_tensors
        scale = x.new_full((), FastGELU.SCALE)
        x_du = torch.addcmul(scale, x, x, value=3 * FastGELU.SCALE * FastGELU.CUBE).mul_(x)
        return x_du.addcmul_(x_du, s, value=-1).add_(1).mul_(s).mul_(upstream[0])


def fast_squared_relu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """`squared_relu` by `FastSquaredReLU` in training, and elsewhere in the memory of max(x, 0)."""
    if x.requires_grad:
        return cast(Tensor, FastSquaredReLU.apply(x))
    positive = F.relu(x)
    return positive.mul_(positive)


class FastSquaredReLU(torch.autograd.Function):
    """`squared_relu`, which keeps only max(x, 0) for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Compute max(x, 0)^2 and keep max(x, 0) for the derivative."""
        positive = F.relu(x)
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Multiply the gradient by the derivative, 2 max(x, 0)."""
        (positive,) = ctx.saved_tensors
        return (upstream[0] * positive).mul_(2)
