"""The best velocity for a few data points: a softmax over the lines through a place."""

import torch
from jaxtyping import Float
from torch import Tensor


def mean_velocity(
    x_t: Float[Tensor, "B D"], points: Float[Tensor, "N D"], t: float
) -> Float[Tensor, "B D"]:
    """Average e - x over the points, with the probability of each line as its weight."""
    noise = (x_t[:, None] - (1 - t) * points) / t  # B N D
    probabilities = (-noise.square().sum(dim=-1) / 2).softmax(dim=-1)  # B N
    return torch.einsum("bn,bnd->bd", probabilities, noise - points)
