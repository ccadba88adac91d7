"""Multi-head attention: H attentions in parallel, each on its own projections of x.

MultiHead(x) = Concat(head_1, ..., head_H) W_O, head_i = Attention(x W_Q,i, x W_K,i, x W_V,i)
(Vaswani et al. 2017, section 3.2.2).

Grouped-query attention: J key-value heads serve H / J query heads each (Ainslie et al. 2023, "GQA",
section 2.2), so J must divide H; J = 1 is multi-query attention (Shazeer 2019). The cache in which
generation keeps the keys and values of earlier tokens is smaller by a factor of H / J.

`PerHeadAttention` is written as in the papers. `MultiHeadAttention` is the same function with the
projections of all heads in one matrix; the model uses this one.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gpt.model.attention import AttentionMask, attention, causal_mask, fused_attention
from gpt.model.cache import LayerCache


class MultiHeadAttention(nn.Module):
    """Multi-head attention with one matrix for all queries, keys and values."""

    def __init__(
        self, d_model: int, n_heads: int, n_kv_heads: int, d_head: int, bias: bool
    ) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads, self.d_head = n_heads, n_kv_heads, d_head
        self.qkv = nn.Linear(d_model, (n_heads + 2 * n_kv_heads) * d_head, bias=bias)
        self.output = nn.Linear(n_heads * d_head, d_model, bias=bias)
        # an attribute, so that `model/fast/choose.py` can replace it
        self.attend: Callable[..., Tensor] = fused_attention

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        rotate: Callable[[Tensor], Tensor] | None = None,
        mask: AttentionMask = None,
        cache: LayerCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Let each position attend to those that the mask keeps; without a mask, to its past.

        `rotate` applies rotary positions to queries and keys, if the model has them. A cache
        holds the keys and values of earlier calls, to which those of x are added.
        """
        n_heads, n_kv_heads = self.n_heads, self.n_kv_heads
        # views rather than einops, whose lookups are visible in the time of a generated token
        heads = self.qkv(x).view(*x.shape[:2], -1, self.d_head).transpose(1, 2)  # B H+2J T K
        q_and_k, v = heads.split_with_sizes((n_heads + n_kv_heads, n_kv_heads), dim=1)
        if rotate is not None:
            q_and_k = rotate(q_and_k)  # one call for both is faster than two
        q, k = q_and_k.split_with_sizes((n_heads, n_kv_heads), dim=1)
        if cache is not None:
            k, v = cache.extend(k, v)  # B J S K
        mixed = self.attend(q, k, v, mask)  # B H T K
        return self.output(mixed.transpose(1, 2).flatten(2))  # B T D


class PerHeadAttention(nn.Module):
    """Multi-head attention with a small matrix per head; causal, without rotary positions."""

    def __init__(self, d_model: int, n_heads: int, n_kv_heads: int, bias: bool) -> None:
        super().__init__()
        d_head = d_model // n_heads
        self.queries, self.keys, self.values = (
            nn.ModuleList(nn.Linear(d_model, d_head, bias=bias) for _ in range(n))
            for n in (n_heads, n_kv_heads, n_kv_heads)
        )
        self.output = nn.Linear(d_model, d_model, bias=bias)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Let each position attend to its past, head by head."""
        mask = causal_mask(x.shape[1], x.shape[1], x.device)[None, None]
        # `attention` expects an axis of heads, which [:, None] adds and [:, 0] removes
        heads_per_group = len(self.queries) // len(self.keys)
        heads = []
        for i, query in enumerate(self.queries):
            key, value = self.keys[i // heads_per_group], self.values[i // heads_per_group]
            heads.append(attention(query(x)[:, None], key(x)[:, None], value(x)[:, None], mask))
        return self.output(torch.cat([head[:, 0] for head in heads], dim=-1))  # B T D
