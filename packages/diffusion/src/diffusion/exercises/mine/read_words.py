"""Exercise of the chapter on text conditioning: cross-attention with a padding mask."""

from jaxtyping import Float, Int
from torch import Tensor


def read_words(
    q: Float[Tensor, "B N K"],
    k: Float[Tensor, "B T K"],
    v: Float[Tensor, "B T K"],
    ids: Int[Tensor, "B T"],
) -> Float[Tensor, "B N K"]:
    """Return for each patch the mean of the words' values, with attention weights.

        softmax(q k^T / sqrt(K)) v    over the words of each caption

    Id 0 is padding, and its weight is 0. A caption of padding only is the null caption, whose keys
    and values are learned: there, all T take part.
    """
    raise NotImplementedError
