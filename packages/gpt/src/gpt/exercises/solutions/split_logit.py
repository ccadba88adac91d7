"""A logit, divided among the parts of its row."""

import torch
from jaxtyping import Float
from torch import Tensor


def split_logit(
    parts: Float[Tensor, "N D"],
    gain: Float[Tensor, " D"],
    row: Float[Tensor, " D"],
    eps: float,
) -> Float[Tensor, " N"]:
    """Divide every part by the same number, which belongs to their sum."""
    scale = torch.rsqrt(parts.sum(dim=0).square().mean() + eps)
    return parts @ (gain * row) * scale
