"""Several attentions side by side, each on its own slice of the width.

MultiHead(x) = Concat(head_1, ..., head_H) W_O, head_i = Attention(x W_Q,i, x W_K,i, x W_V,i)
(Vaswani et al. 2017, section 3.2.2).

Grouped heads share keys and values: J key-value heads serve H / J heads each (Ainslie et al. 2023,
"GQA", section 2.2); J = 1 is multi-query attention (Shazeer 2019). The cache shrinks by H / J.

`PerHeadAttention` is written as in the papers. `MultiHeadAttention` is the same function with the
projections of all heads in one product, which is what the model uses.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gpt.model.attention import attention, causal_mask, fused_attention
from gpt.model.cache import LayerCache
from gpt.model.fast.packing import Packing
from gpt.model.layers import Linear
from gpt.model.rotary import identity_rotation


class MultiHeadAttention(nn.Module):
    """Multi-head attention with one product for all queries, keys and values."""

    def __init__(
        self, d_model: int, n_heads: int, n_kv_heads: int, d_head: int, bias: bool
    ) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads, self.d_head = n_heads, n_kv_heads, d_head
        self.qkv = Linear(d_model, (n_heads + 2 * n_kv_heads) * d_head, bias=bias)
        self.output = Linear(n_heads * d_head, d_model, bias=bias)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        turn: Callable[[Tensor], Tensor] = identity_rotation,
        mask: Bool[Tensor, "#B #H #T S"] | Float[Tensor, "#B #H #T S"] | Packing | None = None,
        cache: LayerCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """What each position gathers from those the mask lets it see; without a mask, the past.

        `turn` rotates queries and keys by position. With a cache, keys and values of the past come
        from there, and those of x are added to it.
        """
        # plain views, not einops, whose lookups can be seen in the time of a decoded token
        heads = self.qkv(x).view(*x.shape[:2], -1, self.d_head).transpose(1, 2)
        qk, v = heads.split_with_sizes((self.n_heads + self.n_kv_heads, self.n_kv_heads), dim=1)
        q, k = turn(qk).split_with_sizes((self.n_heads, self.n_kv_heads), dim=1)
        if cache is not None:
            k, v = cache.extend(k, v)
        gathered = fused_attention(q, k, v, mask)
        return self.output(gathered.transpose(1, 2).flatten(2))


class PerHeadAttention(nn.Module):
    """The same function, head by head: small projections each, causal, without positions."""

    def __init__(self, d_model: int, n_heads: int, n_kv_heads: int, bias: bool) -> None:
        super().__init__()
        d_head = d_model // n_heads
        self.queries, self.keys, self.values = (
            nn.ModuleList(nn.Linear(d_model, d_head, bias=bias) for _ in range(n))
            for n in (n_heads, n_kv_heads, n_kv_heads)
        )
        self.output = nn.Linear(d_model, d_model, bias=bias)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """What each position gathers from its past."""
        mask = causal_mask(x.shape[1], x.shape[1], x.device)[None, None]
        heads_per_group = len(self.queries) // len(self.keys)
        heads = []
        for i, query in enumerate(self.queries):
            key, value = self.keys[i // heads_per_group], self.values[i // heads_per_group]
            heads.append(attention(query(x)[:, None], key(x)[:, None], value(x)[:, None], mask))
        return self.output(torch.cat([head[:, 0] for head in heads], dim=-1))
