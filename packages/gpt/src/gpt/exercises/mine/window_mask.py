"""Exercise of the chapter on attention: a causal mask with a limited window."""

from jaxtyping import Bool
from torch import Tensor


def window_mask(n_queries: int, n_keys: int, window: int) -> Bool[Tensor, "T S"]:
    """Return True where a query sees a key: its own position and the `window` - 1 before it.

    The last query is at the position of the last key, as in `causal_mask`.
    """
    raise NotImplementedError
