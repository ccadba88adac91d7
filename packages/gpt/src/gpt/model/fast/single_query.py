r"""Attention of one new token per text to a cache, as two batched matrix products on a CPU.

A fused kernel saves the memory of all scores, of which a single query has few. What takes the time
is reading the keys and values, which do not stay in the processor's cache. Here the keys of an
element of the head are adjacent in memory: the product q K^T then adds up whole rows of numbers,
one per element of q, where the usual order needs a sum within each row.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.device import is_eager_cpu
from gpt.model.attention import AttentionMask
from gpt.model.cache import LayerCache, empty_layer_cache
from gpt.model.fast.packed_attention import packed_attention
from gpt.model.fast.packing import Packing

MANY_ROWS = 8
"""Texts from which the products are faster; for fewer, the calls of their operations count."""


class FastLayerCache(LayerCache):
    """A cache whose keys, B J S K as in any cache, are in memory as B J K S if the texts are many.

    Their number changes when copies of a prompt part, and when texts end.
    """

    def select_rows(self, rows: Int[Tensor, " R"]) -> None:
        """Keep these rows, in this order; a row whose number occurs twice is copied."""
        if len(rows) < MANY_ROWS:
            self.keys = self.keys.index_select(0, rows)
        else:
            self.keys = self.keys.mT.index_select(0, rows).mT
        self.values = self.values.index_select(0, rows)


def fast_layer_cache(
    batch_size: int, n_kv_heads: int, n_slots: int, d_head: int, like: Tensor
) -> LayerCache:
    """Return a cache without tokens, with the dtype and device of `like`."""
    cache = empty_layer_cache(batch_size, n_kv_heads, n_slots, d_head, like)
    if not is_eager_cpu(like):
        return cache
    if batch_size >= MANY_ROWS:
        cache.keys = like.new_zeros(batch_size, n_kv_heads, d_head, n_slots).mT
    return FastLayerCache(cache.keys, cache.values)


def fast_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B J S K"],
    v: Float[Tensor, "B J S K"],
    mask: AttentionMask = None,
) -> Float[Tensor, "B H T K"]:
    """Compute `packed_attention`, and `single_query_attention` of one query to transposed keys."""
    if k.stride(3) == 1 or isinstance(mask, Packing):
        return packed_attention(q, k, v, mask)
    if q.shape[2] == 1 and is_eager_cpu(q) and not torch.is_grad_enabled():
        return single_query_attention(q, k, v, mask)
    return packed_attention(q, k.contiguous(), v, mask)  # torch's kernels read such keys slowly


def single_query_attention(
    q: Float[Tensor, "B H 1 K"],
    k: Float[Tensor, "B J S K"],
    v: Float[Tensor, "B J S K"],
    mask: Bool[Tensor, "#B #H 1 S"] | Float[Tensor, "#B #H 1 S"] | None = None,
) -> Float[Tensor, "B H 1 K"]:
    """Compute `fused_attention` of one query per head.

    The H / J query heads of a key-value head are the rows of one product.
    """
    (b, h, _, d), (n, s) = q.shape, k.shape[1:3]
    queries = q.reshape(b * n, h // n, d) * (1 / math.sqrt(d))
    scores = torch.bmm(queries, k.reshape(b * n, s, d).mT).view(b, h, 1, s)
    if mask is None:
        weights = scores.softmax(dim=-1)
    elif mask.dtype == torch.bool:  # the last product: a query without any key gets zeros
        lowest = torch.finfo(scores.dtype).min
        weights = scores.masked_fill_(~mask, lowest).softmax(dim=-1).mul_(mask)
    else:
        weights = scores.add_(mask).softmax(dim=-1)
    return torch.bmm(weights.view(b * n, h // n, s), v.reshape(b * n, s, d)).view(b, h, 1, d)
