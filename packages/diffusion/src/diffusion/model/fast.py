"""Faster operations for the networks, which compute the same values from the same weights.

Chosen in one place, `use_fast_operations`; a test compares models with and without them.
"""

from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from diffusion.model.dit import DiT, DiTBlock
from diffusion.model.modulation import modulate
from gpt.device import is_eager_cpu
from gpt.model.fast.activations import FastGELU, fast_gelu
from gpt.model.fast.choose import use_fast_layers
from gpt.model.feed_forward import FeedForward


def use_fast_operations(model: nn.Module) -> None:
    """Replace operations of a model by faster equivalents, in place; its weights stay."""
    use_fast_layers(model)
    for module in model.modules():
        if isinstance(module, DiT | DiTBlock):
            module.modulate = fast_modulate
        elif isinstance(module, FeedForward) and module.activation is fast_gelu:
            module.activation = lean_gelu


def fast_modulate(
    x: Float[Tensor, "B N D"],
    shift: Float[Tensor, "B 1 D"],
    scale: Float[Tensor, "B 1 D"],
    eps: float = 1e-6,
) -> Float[Tensor, "B N D"]:
    """`modulate` by `FastModulation` in training on a CPU, and as it is elsewhere."""
    if x.requires_grad and is_eager_cpu(x):
        return cast(Tensor, FastModulation.apply(x, shift, scale, eps))
    return modulate(x, shift, scale, eps)


class FastModulation(torch.autograd.Function):
    """`modulate`, which keeps x for its gradient and not the normalised x as well."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: Tensor, scale: Tensor, eps: float) -> Tensor:
        """Compute norm(x) (1 + scale) + shift."""
        y, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], None, None, eps)
        ctx.save_for_backward(x, mean, rstd, scale)
        return y.mul_(1 + scale).add_(shift)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the gradients of x, shift and scale."""
        x, mean, rstd, scale = ctx.saved_tensors
        [gradient] = upstream
        normalised = (x - mean).mul_(rstd).mul_(gradient)
        by_norm = gradient * (1 + scale)
        by_x, _, _ = torch.ops.aten.native_layer_norm_backward(
            by_norm, x, x.shape[-1:], mean, rstd, None, None, [True, False, False]
        )
        return by_x, gradient.sum(1, keepdim=True), normalised.sum(1, keepdim=True), None


def lean_gelu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """GELU by `LeanGELU` in training on a CPU, and by torch's kernel elsewhere."""
    if x.requires_grad and is_eager_cpu(x):
        return cast(Tensor, LeanGELU.apply(x))
    return fast_gelu(x)


class LeanGELU(torch.autograd.Function):
    """`FastGELU` of gpt, which computes the sigmoid again instead of keeping it.

    It would be the largest tensor that a block keeps, and computing it again takes no longer than
    writing it to memory.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Compute x s."""
        ctx.save_for_backward(x)
        return x * gelu_sigmoid(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Multiply the gradient by the derivative, s (1 + x u' (1 - s))."""
        [x] = ctx.saved_tensors
        s = gelu_sigmoid(x)
        scale = x.new_full((), FastGELU.SCALE)
        x_du = torch.addcmul(scale, x, x, value=3 * FastGELU.SCALE * FastGELU.CUBE).mul_(x)
        return x_du.addcmul_(x_du, s, value=-1).add_(1).mul_(s).mul_(upstream[0])


def gelu_sigmoid(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Return s = sigmoid(2 sqrt(2/pi) (x + c x^3)), where gelu(x) = x s."""
    scale = x.new_full((), FastGELU.SCALE)
    return torch.addcmul(scale, x, x, value=FastGELU.SCALE * FastGELU.CUBE).mul_(x).sigmoid_()
