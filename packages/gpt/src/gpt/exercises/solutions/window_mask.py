"""A causal mask with a limited window."""

import torch
from jaxtyping import Bool
from torch import Tensor


def window_mask(n_queries: int, n_keys: int, window: int) -> Bool[Tensor, "T S"]:
    """Compare the distance between each query and each key with the window."""
    query = torch.arange(n_keys - n_queries, n_keys)[:, None]
    distance = query - torch.arange(n_keys)
    return (distance >= 0) & (distance < window)
