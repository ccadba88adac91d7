"""The mask of a prefix language model."""

import torch
from jaxtyping import Bool
from torch import Tensor

from gpt.model.attention import causal_mask


def prefix_mask(n_prefix: int, n_tokens: int) -> Bool[Tensor, "T T"]:
    """Add the columns of the prefix to the causal mask: every query sees all of the prefix."""
    return causal_mask(n_tokens, n_tokens) | (torch.arange(n_tokens) < n_prefix)
