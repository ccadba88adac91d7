"""Texts of different lengths end to end in one row, without the padding between them.

In a block of B rows, as long as the longest text, padding goes through every product and nobody
asks for it. All layers but one treat each position by itself: for those, the N real positions can
stand in one row. Attention has them back in the block, where a row is a text and sees its own past
(the padding-free algorithm of Zhai et al. 2023, "ByteTransformer").
"""

from typing import Any, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable


class Packing(NamedTuple):
    """Where the positions of the row stand in the block."""

    places: Int[Tensor, " N"]
    """Of each of them, counted along the rows of the block."""
    n_rows: int
    n_columns: int

    @property
    def positions(self) -> Int[Tensor, "1 N"]:
        """Of each token in its own text."""
        return self.places[None] % self.n_columns

    def pack(self, x: Float[Tensor, "B H T K"]) -> Float[Tensor, "1 H N K"]:
        """From the block into the row; what the row has no place for is left."""
        rows: Any = SelectUniqueRows.apply(rearrange(x, "B H T K -> (B T) H K"), self.places)
        return rearrange(rows, "N H K -> 1 H N K")

    def unpack(self, x: Float[Tensor, "1 H N K"]) -> Float[Tensor, "B H T K"]:
        """From the row into the block, which is zero elsewhere."""
        block = x.new_zeros(self.n_rows * self.n_columns, x.shape[1], x.shape[3])
        block.index_copy_(0, self.places, rearrange(x, "1 H N K -> N H K"))
        return rearrange(block, "(B T) H K -> B H T K", B=self.n_rows)


def packing_from_mask(real: Bool[Tensor, "B T"]) -> Packing:
    """The packing of the positions that `real` marks, row by row."""
    return Packing(real.flatten().nonzero()[:, 0], *real.shape)


class SelectUniqueRows(torch.autograd.Function):
    """Some places of many, none of them twice, which makes the way back a copy and no sum."""

    @staticmethod
    def forward(
        ctx: Any, x: Float[Tensor, "M *D"], places: Int[Tensor, " N"]
    ) -> Float[Tensor, "N *D"]:
        """What stands at these places."""
        ctx.save_for_backward(places)
        ctx.n_places = len(x)
        return x.index_select(0, places)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "N *D"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Their gradients where they were, zero elsewhere."""
        (places,) = ctx.saved_tensors
        x_grad = upstream[0].new_zeros(ctx.n_places, *upstream[0].shape[1:])
        return x_grad.index_copy_(0, places, upstream[0]), None
