"""Lower limit of the velocity's loss: the variance in the directions that do not fit."""

import torch
from jaxtyping import Float
from torch import Tensor


def lowest_velocity_loss(data: Float[Tensor, "N D"], width: int) -> float:
    """Add up the smallest eigenvalues of the velocity's covariance, all but `width` of them."""
    n_coordinates = data.shape[1]
    covariance = torch.cov(data.T, correction=0).reshape(n_coordinates, n_coordinates)
    variances = torch.linalg.eigvalsh(covariance).flip(0) + 1  # largest first
    return variances[width:].sum().item() / n_coordinates
