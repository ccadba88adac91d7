"""Attention over a packed row: the texts go back into a block, where each sees its own past."""

from jaxtyping import Float
from torch import Tensor

from gpt.model.attention import AttentionMask, fused_attention
from gpt.model.fast.packing import Packing


def packed_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B J S K"],
    v: Float[Tensor, "B J S K"],
    mask: AttentionMask = None,
) -> Float[Tensor, "B H T K"]:
    """Compute `fused_attention`, text by text where the mask is a packing."""
    if isinstance(mask, Packing):
        return mask.pack(fused_attention(mask.unpack(q), mask.unpack(k), mask.unpack(v)))
    return fused_attention(q, k, v, mask)
