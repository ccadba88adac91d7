"""Several attentions side by side, each on its own slice of the width.

MultiHead(x) = Concat(head_1, ..., head_H) W_O, head_i = Attention(x W_Q,i, x W_K,i, x W_V,i)
(Vaswani et al. 2017, section 3.2.2).

`SeparateHeads` is written as in the paper. `FusedHeads` is the same function with the three
projections of all heads in one product, which is what the model uses.
"""

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gpt.model.attention import attention, causal_mask, fused_attention


class FusedHeads(nn.Module):
    """Multi-head attention; `rotation` turns queries and keys by position, or does nothing."""

    def __init__(self, d_model: int, n_heads: int, bias: bool, rotation: nn.Module) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=bias)
        self.output = nn.Linear(d_model, d_model, bias=bias)
        self.rotation = rotation

    def forward(
        self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "#B #H #T T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """What each position gathers from those the mask lets it see; without a mask, the past."""
        q, k, v = rearrange(
            self.qkv(x), "B T (three H K) -> three B H T K", three=3, H=self.n_heads
        )
        heads = fused_attention(self.rotation(q), self.rotation(k), v, mask)
        return self.output(rearrange(heads, "B H T K -> B T (H K)"))


class SeparateHeads(nn.Module):
    """The same function, head by head: three small projections each, causal, without positions."""

    def __init__(self, d_model: int, n_heads: int, bias: bool) -> None:
        super().__init__()
        d_head = d_model // n_heads
        self.queries, self.keys, self.values = (
            nn.ModuleList(nn.Linear(d_model, d_head, bias=bias) for _ in range(n_heads))
            for _ in range(3)
        )
        self.output = nn.Linear(d_model, d_model, bias=bias)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """What each position gathers from its past."""
        mask = causal_mask(x.shape[1], x.shape[1], x.device)[None, None]
        heads = [
            attention(query(x)[:, None], key(x)[:, None], value(x)[:, None], mask)[:, 0]
            for query, key, value in zip(self.queries, self.keys, self.values, strict=True)
        ]
        return self.output(torch.cat(heads, dim=-1))
