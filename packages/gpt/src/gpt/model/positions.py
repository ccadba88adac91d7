r"""Position embeddings: attention ignores the order of tokens, so their positions are added.

The vector of its position is added to each token before the first block: a learned vector (Gehring
et al. 2017; GPT-2) or sinusoids (Vaswani et al. 2017, section 3.5). `rotary`, `alibi` and
`relative_bias` act inside attention instead.

A position index is a slice if all rows of the batch have the same positions, and a tensor with the
position of each token if prompts of different lengths share a batch.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gpt.errors import BadInput

PositionIndex = slice | Int[Tensor, "B T"]


def required_table_rows(table: Tensor, index: PositionIndex, like: Tensor) -> int | None:
    """Return how many rows a computed table needs to serve `index`, or None if it needs no change.

    The number at least doubles, so that a text that grows token by token seldom needs a new table.
    A table whose dtype or device differs from that of `like` must be made again, with as many rows.
    """
    rows, end = len(table), index.stop if isinstance(index, slice) else int(index.max()) + 1
    if end > rows:
        return max(end, 2 * rows)
    return None if (table.dtype, table.device) == (like.dtype, like.device) else rows


class LearnedPositions(nn.Module):
    """Learned position embeddings: row t of a table is added to the token at position t."""

    def __init__(self, context: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(context, d_model))

    def forward(self, x: Float[Tensor, "B T D"], index: PositionIndex) -> Float[Tensor, "B T D"]:
        """Add the position embeddings."""
        context = self.weight.shape[0]
        if isinstance(index, slice) and index.stop > context:
            raise BadInput(
                f"position {index.stop - 1} is beyond the context of {context} positions"
            )
        return x + self.weight[index]


def sinusoids(n_positions: int, d_model: int) -> Float[Tensor, "T D"]:
    r"""Return sines and cosines, in pairs, whose wavelengths grow from 2 pi to 10000 2 pi.

    PE(t, 2i) = sin(t / 10000^(2i/D)), PE(t, 2i + 1) = cos(t / 10000^(2i/D))    (section 3.5)

    Moving by k positions rotates each pair by the same angle from anywhere, so the model can learn
    to attend a fixed distance back. In float64.
    """
    even = torch.arange(0, d_model, 2, dtype=torch.float64)
    angles = torch.arange(n_positions, dtype=torch.float64)[:, None] / 10_000 ** (even / d_model)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :d_model]


class SinusoidalPositions(nn.Module):
    """Sinusoidal position embeddings, which need no training; the table grows with the text."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.table = torch.empty(0, d_model)  # not a buffer: there is nothing to save

    def forward(self, x: Float[Tensor, "B T D"], index: PositionIndex) -> Float[Tensor, "B T D"]:
        """Add the position embeddings."""
        rows = required_table_rows(self.table, index, x)
        if rows is not None:
            with torch.inference_mode(False):  # a table made in generation also serves training
                # the format first: Apple's GPU has no float64
                self.table = sinusoids(rows, x.shape[-1]).to(x.dtype).to(x.device)
        return x + self.table[index]
