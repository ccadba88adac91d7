r"""ALiBi: attention scores decrease with distance, and tokens carry no other sign of position.

Press et al. 2022, "Train Short, Test Long", section 3. Nothing in it depends on a maximum length,
so a model can read longer texts than it was trained on.
"""

import math

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gpt.model.attention import causal_mask
from gpt.model.positions import required_table_rows


def alibi_slopes(n_heads: int) -> Float[Tensor, " H"]:
    r"""Return the slope of each head: 2^(-8/H), 2^(-16/H), ..., 2^(-8)    (section 3).

    This holds if H is a power of two. Otherwise the slopes are those of the next lower power, and
    the rest is every second slope of twice that power (the authors' published code).
    """
    power = 2 ** math.floor(math.log2(n_heads))
    between = (
        alibi_slopes(2 * power)[0::2][: n_heads - power] if n_heads > power else torch.empty(0)
    )
    first = 2.0 ** (-8 / power * torch.arange(1, power + 1, dtype=torch.float64))
    return torch.cat([first, between.double()])


def alibi_bias(n_queries: int, n_keys: int, n_heads: int) -> Float[Tensor, "H T S"]:
    r"""Return what is added to the score of query i and key j: -slope (i - j)    (section 3).

    The last query is at the position of the last key. In float64.
    """
    i = torch.arange(n_keys - n_queries, n_keys)[:, None]
    distance = (i - torch.arange(n_keys)).double()
    return -alibi_slopes(n_heads)[:, None, None] * distance


class Alibi(nn.Module):
    """Adds the distance bias to the attention mask."""

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.bias = torch.empty(0, 0, n_heads)  # T S H, made when a length is first needed

    def forward(
        self, mask: Bool[Tensor, "#B #H #T S"] | None, n_queries: int, n_keys: int, like: Tensor
    ) -> Float[Tensor, "#B H T S"]:
        """Return the bias where the mask keeps a key, and minus infinity elsewhere."""
        if mask is None:
            mask = causal_mask(n_queries, n_keys, like.device)[None, None]
        self.grow_table(n_keys, like)
        # the rows of the table are positions, and the queries are at the last n_queries of them
        bias = self.bias[n_keys - n_queries : n_keys, :n_keys]
        return rearrange(bias, "T S H -> 1 H T S").masked_fill(~mask, -torch.inf)

    def grow_table(self, n_keys: int, like: Tensor) -> None:
        """Make the table again if it is too small, or in another format than `like`."""
        rows = required_table_rows(self.bias, slice(0, n_keys), like)
        if rows is not None:
            with torch.inference_mode(False):  # a table made in generation also serves training
                bias = rearrange(alibi_bias(rows, rows, self.n_heads), "H T S -> T S H")
                self.bias = bias.to(like.dtype).to(like.device)
