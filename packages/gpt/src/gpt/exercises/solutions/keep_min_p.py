"""A filter that follows the likeliest token (Nguyen et al. 2024, "Min-p sampling")."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def keep_min_p(logits: Float[Tensor, "B V"], p: float) -> Float[Tensor, "B V"]:
    """A ratio of probabilities is a difference of scores, so no softmax is needed."""
    least = logits.amax(dim=-1, keepdim=True) + math.log(p)
    return logits.masked_fill(logits < least, -torch.inf)
