"""Exercise of the chapter on positions: the inverse of `interleaved_to_halves`."""

from jaxtyping import Float
from torch import Tensor


def to_pairs(weight: Float[Tensor, "HK *D"], n_heads: int) -> Float[Tensor, "HK *D"]:
    """Reorder the rows of a projection made for split halves, so that it fits interleaved pairs.

    Within each head of width K, row i moves to 2i and row i + K/2 to 2i + 1.
    """
    raise NotImplementedError
