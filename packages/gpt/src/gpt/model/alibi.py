r"""ALiBi: no position is ever written down; a key simply counts for less the further back it is.

Press et al. 2022, "Train Short, Test Long", section 3. Nothing in it is tied to a length, so a
model may read further than it was trained on.
"""

import math

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gpt.model.attention import causal_mask
from gpt.model.positions import required_table_rows


def alibi_slopes(n_heads: int) -> Float[Tensor, " H"]:
    r"""How fast each head forgets: 2^(-8/H), 2^(-16/H), ..., 2^(-8)    (section 3).

    That is for a power of two. Any other number takes those of the next lower power, and the rest
    from between: every second slope of twice that power (the authors' published code).
    """
    power = 2 ** math.floor(math.log2(n_heads))
    between = (
        alibi_slopes(2 * power)[0::2][: n_heads - power] if n_heads > power else torch.empty(0)
    )
    first = 2.0 ** (-8 / power * torch.arange(1, power + 1, dtype=torch.float64))
    return torch.cat([first, between.double()])


def alibi_bias(n_queries: int, n_keys: int, n_heads: int) -> Float[Tensor, "H T S"]:
    r"""What is added to the scores before the softmax: -slope (i - j)    (section 3), in float64.

    The last query stands at the last key.
    """
    i = torch.arange(n_keys - n_queries, n_keys)[:, None]
    distance = (i - torch.arange(n_keys)).double()
    return -alibi_slopes(n_heads)[:, None, None] * distance


class Alibi(nn.Module):
    """Turns a mask into one that also holds the distances."""

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.bias = torch.empty(0, 0, n_heads)

    def forward(
        self, mask: Bool[Tensor, "#B #H #T S"] | None, n_queries: int, n_keys: int, like: Tensor
    ) -> Float[Tensor, "#B H T S"]:
        """What to add to the scores: the bias where the mask keeps, minus infinity elsewhere."""
        rows = required_table_rows(self.bias, slice(0, n_keys), like)
        if rows is not None:
            with torch.inference_mode(False):  # a table made while writing also serves training
                bias = rearrange(alibi_bias(rows, rows, self.n_heads), "H T S -> T S H")
                self.bias = bias.to(like.dtype).to(like.device)
        if mask is None:
            mask = causal_mask(n_queries, n_keys, like.device)[None, None]
        # row i of the table is that of position i, so the last T rows of the first S are ours
        bias = self.bias[n_keys - n_queries : n_keys, :n_keys]
        return rearrange(bias, "T S H -> 1 H T S").masked_fill(~mask, -torch.inf)


class NoBias(nn.Module):
    """Passes the mask on, for the other schemes."""

    def forward(
        self, mask: Bool[Tensor, "#B #H #T S"] | None, n_queries: int, n_keys: int, like: Tensor
    ) -> Bool[Tensor, "#B #H #T S"] | None:
        """The mask."""
        return mask
