"""Noise between two noises: a weighted sum, divided by its standard deviation."""

from jaxtyping import Float
from torch import Tensor


def mixed_noise(
    first: Float[Tensor, "*D"], second: Float[Tensor, "*D"], weight: float
) -> Float[Tensor, "*D"]:
    """Return ((1 - w) e_1 + w e_2) / sqrt((1 - w)^2 + w^2)."""
    std = ((1 - weight) ** 2 + weight**2) ** 0.5
    return ((1 - weight) * first + weight * second) / std
