"""A causal mask with a short memory."""

import torch
from jaxtyping import Bool
from torch import Tensor


def window_mask(n_queries: int, n_keys: int, window: int) -> Bool[Tensor, "T S"]:
    """Which keys a query sees: its own position and the `window` - 1 before it."""
    query = torch.arange(n_keys - n_queries, n_keys)[:, None]
    distance = query - torch.arange(n_keys)
    return (distance >= 0) & (distance < window)
