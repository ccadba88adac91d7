"""Exercise of the chapter on heads: one set of keys for several queries."""

from jaxtyping import Float
from torch import Tensor


def share_heads(x: Float[Tensor, "B J S K"], n_heads: int) -> Float[Tensor, "B H S K"]:
    """Copy the keys (or values) of J heads, so that each of `n_heads` query heads has its own.

    Key-value head 0 serves the first H / J query heads, head 1 the next H / J, and so on.
    """
    raise NotImplementedError
