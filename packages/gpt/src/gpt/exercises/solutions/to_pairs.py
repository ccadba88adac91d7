"""The way back from `to_halves`."""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor


def to_pairs(weight: Float[Tensor, "HK *D"], n_heads: int) -> Float[Tensor, "HK *D"]:
    """Reorder the rows of a projection made for split halves, so that it fits interleaved pairs."""
    return rearrange(weight, "(H two half) ... -> (H half two) ...", H=n_heads, two=2)
