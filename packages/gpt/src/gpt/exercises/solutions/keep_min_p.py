"""A filter that depends on the most likely token (Nguyen et al. 2024, "Min-p sampling")."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def keep_min_p(logits: Float[Tensor, "B V"], p: float) -> Float[Tensor, "B V"]:
    """Compare differences of logits with log p: they are ratios of probabilities."""
    least = logits.amax(dim=-1, keepdim=True) + math.log(p)
    return logits.masked_fill(logits < least, -torch.inf)
