"""A few large weights stay exact (after Dettmers et al. 2024, "SpQR")."""

import torch
from jaxtyping import Float
from torch import Tensor

from finetune.lora.nf4 import dequantise_matrix, quantise_matrix


def outliers_apart(weight: Float[Tensor, "N D"], n: int) -> Float[Tensor, "N D"]:
    """Replace the large weights by zeros before quantising, so that they do not set a scale."""
    (height, width), places = weight.shape, weight.flatten().abs().topk(n).indices
    large = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
    large[places] = True
    large = large.view_as(weight)
    rest = dequantise_matrix(quantise_matrix(weight.masked_fill(large, 0)), (height, width))
    return torch.where(large, weight, rest)
