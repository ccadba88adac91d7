r"""Where a token stands: attention itself does not know, so the positions must tell it.

This module adds a vector to each token, once, before the first block: a learned one (Gehring et al.
2017; GPT-2) or a wave of many lengths (Vaswani et al. 2017, section 3.5). `rotary` and `alibi` act
inside attention instead.

An index says which positions the tokens have: a slice where all rows of the batch agree, or a
number for each token where prompts of different lengths share a batch.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gpt.errors import BadInput

PositionIndex = slice | Int[Tensor, "B T"]


def required_table_rows(table: Tensor, index: PositionIndex, like: Tensor) -> int | None:
    """How many rows a computed table should have to serve `index`; None if it can stay as it is.

    It grows to twice its size, so that a text that grows token by token seldom makes it anew, and
    it follows the format and the device of `like`.
    """
    rows, end = len(table), index.stop if isinstance(index, slice) else int(index.max()) + 1
    if end > rows:
        return max(end, 2 * rows)
    return None if (table.dtype, table.device) == (like.dtype, like.device) else rows


class LearnedPositions(nn.Module):
    """Add row t of a table to the token at position t."""

    def __init__(self, context: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(context, d_model))

    def forward(self, x: Float[Tensor, "B T D"], index: PositionIndex) -> Float[Tensor, "B T D"]:
        """The tokens, each with its position."""
        context = self.weight.shape[0]
        if isinstance(index, slice) and index.stop > context:
            raise BadInput(
                f"position {index.stop - 1} lies beyond the context of {context} positions"
            )
        return x + self.weight[index]


def sinusoids(n_positions: int, d_model: int) -> Float[Tensor, "T D"]:
    r"""Waves whose lengths grow from 2 pi to 10000 2 pi, as sine and cosine side by side.

    PE(t, 2i) = sin(t / 10000^(2i/D)), PE(t, 2i + 1) = cos(t / 10000^(2i/D))    (section 3.5)

    Moving by k positions turns each pair by the same angle wherever it starts, so the model can
    learn to look a fixed distance back. In float64.
    """
    even = torch.arange(0, d_model, 2, dtype=torch.float64)
    angles = torch.arange(n_positions, dtype=torch.float64)[:, None] / 10_000 ** (even / d_model)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :d_model]


class SinusoidalPositions(nn.Module):
    """Add the waves, which need no training; the table grows when a longer text comes."""

    def __init__(self, context: int, d_model: int) -> None:
        super().__init__()
        self.table = torch.empty(0, d_model)  # no buffer: nothing to save, and made where needed

    def forward(self, x: Float[Tensor, "B T D"], index: PositionIndex) -> Float[Tensor, "B T D"]:
        """The tokens, each with its position."""
        rows = required_table_rows(self.table, index, x)
        if rows is not None:
            with torch.inference_mode(False):  # a table made while writing also serves training
                # the format first: Apple's GPU has no float64
                self.table = sinusoids(rows, x.shape[-1]).to(x.dtype).to(x.device)
        return x + self.table[index]


class NoPositions(nn.Module):
    """Leave the tokens as they are, for schemes that act inside attention."""

    def forward(self, x: Float[Tensor, "B T D"], index: PositionIndex) -> Float[Tensor, "B T D"]:
        """The tokens."""
        return x
