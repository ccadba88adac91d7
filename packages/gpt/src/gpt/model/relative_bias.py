r"""T5's relative bias: a learned number for each head and distance is added to the scores.

Raffel et al. 2020, section 2.1. Distances share 32 numbers: each of the smallest 16 has its own,
larger ones fall into buckets that widen with the distance, and from 113 on all share the last one.
Every distance has a bucket, so a model can read longer texts than it was trained on. One table
serves all layers.

The paper gives only the sizes; the formula is that of the authors' code. Departure from T5: scores
are still divided by sqrt(K). T5 leaves the divisor out and starts from smaller query weights.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.model.attention import causal_mask


def causal_buckets(
    distance: Int[Tensor, "*B"], n_buckets: int = 32, max_distance: int = 128
) -> Int[Tensor, "*B"]:
    r"""Return the bucket of each distance d = i - j from a query i back to a key j.

    Let n be half the buckets and M the largest distance that is told apart from smaller ones.

    bucket(d) = d                                          for d < n
    bucket(d) = n + floor(n log(d / n) / log(M / n))       for d >= n, at most 2n - 1

    Later keys (d < 0) share bucket 0 with the query's own position; a causal mask hides them.

    Raises:
        BadInput: the number of buckets is odd, or the largest distance already has its own bucket.
    """
    n = n_buckets // 2
    if n_buckets != 2 * n or not 0 < n < max_distance:
        raise BadInput(
            f"{n_buckets} buckets cannot cover distances up to {max_distance}; "
            "their number must be even, and half of it below the distance"
        )
    d = distance.clamp(min=0)
    growth = (d.clamp(min=n).float() / n).log() / math.log(max_distance / n)  # 0 at n, 1 at M
    return torch.where(d < n, d, n + (n * growth).long()).clamp(max=n_buckets - 1)


def bidirectional_buckets(
    distance: Int[Tensor, "*B"], n_buckets: int = 32, max_distance: int = 128
) -> Int[Tensor, "*B"]:
    """Return the bucket of each distance in an encoder: half of them are for later keys (d < 0)."""
    half = n_buckets // 2
    return causal_buckets(distance.abs(), half, max_distance) + half * (distance < 0)


class RelativeBias(nn.Module):
    """Adds the bias of each head and bucket to the attention mask."""

    def __init__(self, n_heads: int, n_buckets: int = 32, max_distance: int = 128) -> None:
        super().__init__()
        self.max_distance = max_distance
        self.weight = nn.Parameter(torch.empty(n_buckets, n_heads))

    def forward(
        self, mask: Bool[Tensor, "#B #H #T S"] | None, n_queries: int, n_keys: int, like: Tensor
    ) -> Float[Tensor, "#B H T S"]:
        """Return the bias where the mask keeps a key, and minus infinity elsewhere."""
        if mask is None:
            mask = causal_mask(n_queries, n_keys, like.device)[None, None]
        i = torch.arange(n_keys - n_queries, n_keys, device=like.device)[:, None]
        distance = i - torch.arange(n_keys, device=like.device)
        buckets = causal_buckets(distance, len(self.weight), self.max_distance)
        bias = F.embedding(buckets, self.weight).to(like.dtype)
        return rearrange(bias, "T S H -> 1 H T S").masked_fill(~mask, -torch.inf)
