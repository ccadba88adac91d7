r"""LoRA training on a CPU: base and update as one operation with a backward pass of its own.

`FusedLora` equals `LoraLinear.forward` in values and gradients, and is faster for two reasons. The
update is added in place to W x. And in the low-rank products the rank comes first, as in (r, in)
(in, rows): the other way round, in which autograd computes the derivatives, a product with 8
columns takes a CPU three to seven times as long.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from finetune.lora.projections import LoraProjections
from gpt.device import is_eager_cpu


def can_fuse(layer: LoraProjections, x: Float[Tensor, "*B D"]) -> bool:
    """Check for eager float32 or float64 on a CPU, no dropout, and a base without gradients."""
    drops = layer.training and layer.dropout.p > 0
    trains_base = any(parameter.requires_grad for parameter in layer.base.parameters())
    return is_eager_cpu(x) and x.dtype == layer.a.dtype and not drops and not trains_base


class FusedLora(torch.autograd.Function):
    """W x + s B A x for each projection of a layer; first derivatives only."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "*B D"],
        a: Float[Tensor, "PR D"],
        b: Float[Tensor, "rows R"],
        layer: LoraProjections,
    ) -> Float[Tensor, "*B N"]:
        """Add s B h with h = A x to the output of the base, in place."""
        rows = x.reshape(-1, x.shape[-1])
        y, h = layer.base(rows), torch.mm(a, rows.T)
        bt = (layer.scale * b.T).contiguous()  # R rows
        for outputs, own_a, own_b in layer.slices:
            y[:, outputs].addmm_(h[own_a].T, bt[:, own_b])
        ctx.save_for_backward(rows, h, a, bt)
        ctx.layer, ctx.shape = layer, x.shape
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "*B N"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the gradients: W^T g + A^T d of x, d x^T of A, s g h^T of B.

        g is the gradient of y, and d = s B^T g that of h.
        """
        rows, h, a, bt = ctx.saved_tensors
        layer, g = ctx.layer, upstream[0].reshape(-1, upstream[0].shape[-1])
        d, for_b = torch.empty_like(h), torch.empty_like(bt)
        for outputs, own_a, own_b in layer.slices:
            part = g[:, outputs]
            torch.mm(bt[:, own_b], part.T, out=d[own_a])
            torch.mm(h[own_a], part, out=for_b[:, own_b])
        for_x = None
        if ctx.needs_input_grad[0]:
            for_x = torch.mm(g, layer.base.weight).addmm_(d.T, a).view(ctx.shape)
        return for_x, torch.mm(d, rows), layer.scale * for_b.T, None
