"""Cross-attention of one head, with a padding mask."""

import math

from jaxtyping import Float, Int
from torch import Tensor


def read_words(
    q: Float[Tensor, "B N K"],
    k: Float[Tensor, "B T K"],
    v: Float[Tensor, "B T K"],
    ids: Int[Tensor, "B T"],
) -> Float[Tensor, "B N K"]:
    """Attend from patches to words; a score of minus infinity makes a weight of 0."""
    scores = q @ k.mT / math.sqrt(q.shape[-1])  # B N T
    is_padding = (ids == 0) & (ids != 0).any(dim=1, keepdim=True)
    return scores.masked_fill(is_padding[:, None], -math.inf).softmax(dim=-1) @ v
