r"""Scaled dot-product attention: each position takes a weighted mean of the values it may see.

Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1. Masks are True where a query may
attend. Departure from the paper: a query that may attend to nothing gets zeros, where a softmax
over minus infinities would give NaN.

Letters of the shapes: B sequences, T queries, S keys, H heads of width K, J key-value heads. In
the equations, Q, K and V are the matrices of queries, keys and values; sqrt(K) is of the width.
"""

import math

import torch
import torch.nn.functional as F
from einops import einsum
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.model.fast.packing import Packing


def causal_mask(
    n_queries: int, n_keys: int, device: torch.device | None = None
) -> Bool[Tensor, "T S"]:
    """Let a query see the keys up to its own position; the last query is at the last key."""
    return torch.ones(n_queries, n_keys, dtype=torch.bool, device=device).tril(n_keys - n_queries)


def padding_mask(lengths: Int[Tensor, " B"], n_keys: int) -> Bool[Tensor, "B 1 1 S"]:
    """Let every query see the first `lengths[b]` keys of its sequence; the rest is padding."""
    return torch.arange(n_keys, device=lengths.device) < lengths[:, None, None, None]


def attention_weights(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    mask: Bool[Tensor, "#B #H #T S"],
    bias: Float[Tensor, "#B #H T S"] | float = 0.0,
) -> Float[Tensor, "B H T S"]:
    r"""Return the weight that each query gives to each key.

    A = softmax(Q K^T / sqrt(K) + bias) over the keys that the mask keeps    (eq. 1)

    A bias by distance comes from `alibi` or `relative_bias`.

    Masked scores are the lowest finite number rather than minus infinity, so that the gradient of
    an all-masked row is zero and not NaN; the product with the mask then clears such a row.
    """
    scores = einsum(q, k, "B H T K, B H S K -> B H T S") / math.sqrt(q.shape[-1]) + bias
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1) * mask


def attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S K"],
    mask: Bool[Tensor, "#B #H #T S"],
    bias: Float[Tensor, "#B #H T S"] | float = 0.0,
) -> Float[Tensor, "B H T K"]:
    """Return each query's weighted mean of the values: O = A V    (eq. 1)."""
    weights = attention_weights(q, k, mask, bias)
    return einsum(weights, v, "B H T S, B H S K -> B H T K")


def fused_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B J S K"],
    v: Float[Tensor, "B J S K"],
    mask: Bool[Tensor, "#B #H #T S"] | Float[Tensor, "#B #H #T S"] | None = None,
) -> Float[Tensor, "B H T K"]:
    """Compute `attention` by torch's kernel, which need not hold the whole matrix A.

    Without a mask it is causal, the last query being at the position of the last key. With fewer
    key-value heads J than query heads H, each serves H / J consecutive query heads (Ainslie et al.
    2023). Tests hold it equal to `attention` on a CPU in values and gradients, including the zeros
    of a query that may attend to nothing.
    """
    n_queries, n_keys = q.shape[2], k.shape[2]
    if mask is None and 1 < n_queries < n_keys:
        mask = causal_mask(n_queries, n_keys, q.device)
    return F.scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=mask,
        is_causal=mask is None and n_queries > 1,
        enable_gqa=q.shape[1] != k.shape[1],
    )


def full_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B H S K"],
    v: Float[Tensor, "B H S K"],
    mask: Bool[Tensor, "#B #H #T S"] | None = None,
) -> Float[Tensor, "B H T K"]:
    """Compute `attention` by torch's kernel; without a mask, every query attends to all keys.

    For inputs without an order in which they must be read, such as the patches of an image.
    """
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


AttentionMask = Bool[Tensor, "#B #H #T S"] | Float[Tensor, "#B #H #T S"] | Packing | None
"""The keys that each query of a layer may attend to.

A boolean mask is True where it may; a mask of numbers is added to the scores, minus infinity
forbidding a key; a packing says which positions of a row belong to the same text; None is causal.
"""
