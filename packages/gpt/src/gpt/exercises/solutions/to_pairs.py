"""The inverse of `interleaved_to_halves`."""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor


def to_pairs(weight: Float[Tensor, "HK *D"], n_heads: int) -> Float[Tensor, "HK *D"]:
    """Swap the axes "half" and "pair" of the rows of each head."""
    return rearrange(weight, "(H two half) ... -> (H half two) ...", H=n_heads, two=2)
