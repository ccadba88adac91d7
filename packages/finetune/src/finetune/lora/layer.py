r"""A thin matrix beside a frozen one: what LoRA adds to a layer.

y = W x + s B A x,    s = alpha / r    (Hu et al. 2021, eq. 3)

W is (out, in) and stays; A is (r, in) and B is (out, r), so r (in + out) numbers learn in place of
in x out. One product of our model makes queries, keys and values at once, and each of them has an A
and a B of its own: the A's lie on top of each other, so do the B's, and a place says which rows of
them belong together and which outputs of the layer they add to.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from finetune.lora.nf4 import Nf4Linear
from gpt.device import is_eager_cpu
from gpt.model.dropout import dropout


class AdapterSlices(NamedTuple):
    """Where one of a layer's adapters stands."""

    outputs: slice
    """Those outputs of the layer that it adds to."""
    a: slice
    """Its rows of the stacked A's."""
    b: slice
    """Its rows of the stacked B's."""


def adapter_slices(outputs: Sequence[slice], rank: int) -> list[AdapterSlices]:
    """The adapters for these outputs, stacked in this order."""
    stacked, row = [], 0
    for index, each in enumerate(outputs):
        end = row + each.stop - each.start
        stacked.append(
            AdapterSlices(each, slice(index * rank, (index + 1) * rank), slice(row, end))
        )
        row = end
    return stacked


def low_rank_product(
    x: Float[Tensor, "*B D"],
    a: Float[Tensor, "PR D"],
    b: Float[Tensor, "rows R"],
    where: Sequence[AdapterSlices],
    n_outputs: int,
) -> Float[Tensor, "*B N"]:
    """B A x of every adapter, in its place among the outputs of the layer; elsewhere zeros."""
    h = F.linear(x, a)
    y = h.new_zeros(*x.shape[:-1], n_outputs)
    for place in where:
        y[..., place.outputs] = F.linear(h[..., place.a], b[place.b])
    return y


class FusedLora(torch.autograd.Function):
    """A frozen layer plus s times `low_rank_product`, in one; first derivatives alone.

    The change is added in the memory of W x, and W gets no gradient. In the thin products the rank
    comes first, as in (r, in) (in, rows): the other way round, in which torch's own derivatives
    are written, a product of 8 columns takes a CPU three to seven times as long.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "*B D"],
        a: Float[Tensor, "PR D"],
        b: Float[Tensor, "rows R"],
        layer: Any,
    ) -> Float[Tensor, "*B N"]:
        """W x + s B A x."""
        rows = x.reshape(-1, x.shape[-1])
        y, h = layer.base(rows), torch.mm(a, rows.T)
        bt = (layer.scale * b.T).contiguous()  # R rows
        for outputs, thin, own in layer.places:
            y[:, outputs].addmm_(h[thin].T, bt[:, own])
        ctx.save_for_backward(rows, h, a, bt)
        ctx.layer, ctx.shape = layer, x.shape
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "*B N"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """With g at y: s g h^T at B, then d = s B^T g at h, d x^T at A, and W^T g + A^T d at x."""
        rows, h, a, bt = ctx.saved_tensors
        layer, g = ctx.layer, upstream[0].reshape(-1, upstream[0].shape[-1])
        d, for_b = torch.empty_like(h), torch.empty_like(bt)
        for outputs, thin, own in layer.places:
            part = g[:, outputs]
            torch.mm(bt[:, own], part.T, out=d[thin])
            torch.mm(h[thin], part, out=for_b[:, own])
        for_x = None
        if ctx.needs_input_grad[0]:
            for_x = torch.mm(g, layer.base.weight).addmm_(d.T, a).view(ctx.shape)
        return for_x, torch.mm(d, rows), layer.scale * for_b.T, None


class LoraLinear(nn.Module):
    """A frozen layer with an adapter for each of the parts that its product makes."""

    base: nn.Linear | Nf4Linear
    a: nn.Parameter
    b: nn.Parameter

    def __init__(
        self,
        base: nn.Linear | Nf4Linear,
        outputs: Sequence[slice],
        rank: int,
        scale: float,
        p_dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.places = adapter_slices(outputs, rank)
        self.rank, self.scale, self.p_dropout = rank, scale, p_dropout
        self.adds, self.is_merged = True, False
        weight = base.weight
        shape, bound = (len(outputs) * rank, weight.shape[1]), 1 / math.sqrt(weight.shape[1])
        dtype = torch.promote_types(weight.dtype, torch.float32)  # half formats lose small steps
        where = weight.device if generator is None else generator.device
        a = torch.rand(shape, generator=generator, dtype=dtype, device=where)
        self.a = nn.Parameter(((2 * a - 1) * bound).to(weight.device))
        n_rows = self.places[-1].b.stop
        self.b = nn.Parameter(torch.zeros(n_rows, rank, dtype=dtype, device=weight.device))

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B N"]:
        """The rows, projected, and changed by what was learned."""
        if not self.adds:
            return self.base(x)
        thinned = self.training and self.p_dropout > 0
        if is_eager_cpu(x) and x.dtype == self.a.dtype and not thinned and not self.trains_base():
            y: Any = FusedLora.apply(x, self.a, self.b, self)
            return y
        y, x = self.base(x), dropout(x, self.p_dropout) if thinned else x
        change = low_rank_product(x.to(self.a.dtype), self.a, self.b, self.places, y.shape[-1])
        return y + (self.scale * change).to(y.dtype)

    def trains_base(self) -> bool:
        """Whether somebody asks for gradients of the frozen layer after all."""
        return any(parameter.requires_grad for parameter in self.base.parameters())

    def change(self) -> Float[Tensor, "N D"]:
        """What merging adds to the weight: s B A."""
        weight = self.base.weight
        rows = torch.eye(weight.shape[1], dtype=self.a.dtype, device=self.a.device)
        return self.scale * low_rank_product(rows, self.a, self.b, self.places, weight.shape[0]).T
