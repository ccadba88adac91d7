"""Texts of different lengths end to end in one row, without the padding between them.

In a block of B rows, each as long as the longest text, padding goes through every product for
nothing. All layers but attention treat each position by itself, so for them the N real positions
can share one row. Attention puts them back into the block, where each row is a text that sees its
own past (the padding-free algorithm of Zhai et al. 2023, "ByteTransformer").
"""

from typing import Any, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable


class Packing(NamedTuple):
    """The place in the block of each position of the packed row."""

    indices: Int[Tensor, " N"]
    """Index of each position in the block, counted row by row."""
    n_rows: int
    n_columns: int

    @property
    def positions(self) -> Int[Tensor, "1 N"]:
        """Position of each token in its own text."""
        return self.indices[None] % self.n_columns

    def pack(self, x: Float[Tensor, "B H T K"]) -> Float[Tensor, "1 H N K"]:
        """Move the real positions of a block into the packed row."""
        rows: Any = SelectUniqueRows.apply(rearrange(x, "B H T K -> (B T) H K"), self.indices)
        return rearrange(rows, "N H K -> 1 H N K")

    def unpack(self, x: Float[Tensor, "1 H N K"]) -> Float[Tensor, "B H T K"]:
        """Move the packed row into a block, which is zero at padding."""
        block = x.new_zeros(self.n_rows * self.n_columns, x.shape[1], x.shape[3])
        block.index_copy_(0, self.indices, rearrange(x, "1 H N K -> N H K"))
        return rearrange(block, "(B T) H K -> B H T K", B=self.n_rows)


class SelectUniqueRows(torch.autograd.Function):
    """Select rows by unique index, so that the backward pass copies gradients without summing."""

    @staticmethod
    def forward(
        ctx: Any, x: Float[Tensor, "M *D"], indices: Int[Tensor, " N"]
    ) -> Float[Tensor, "N *D"]:
        """Return the rows at the indices."""
        ctx.save_for_backward(indices)
        ctx.n_rows = len(x)
        return x.index_select(0, indices)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "N *D"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Put the gradients at their indices; rows that were not selected get zeros."""
        (indices,) = ctx.saved_tensors
        x_grad = upstream[0].new_zeros(ctx.n_rows, *upstream[0].shape[1:])
        return x_grad.index_copy_(0, indices, upstream[0]), None
