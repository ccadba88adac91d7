"""Exercise of the chapter on encoders: the mask of a prefix language model."""

from jaxtyping import Bool
from torch import Tensor


def prefix_mask(n_prefix: int, n_tokens: int) -> Bool[Tensor, "T T"]:
    """Return True where a query sees a key: all of the prefix, and its own past after that.

    The first `n_prefix` tokens are read in both directions, the others are written one by one.
    """
    raise NotImplementedError
