"""Exercise of the chapter on attention: a causal mask with a short memory."""

from jaxtyping import Bool
from torch import Tensor


def window_mask(n_queries: int, n_keys: int, window: int) -> Bool[Tensor, "T S"]:
    """Which keys a query sees: its own position and the `window` - 1 before it.

    The last query stands at the last key, as in `causal_mask`.
    """
    raise NotImplementedError
