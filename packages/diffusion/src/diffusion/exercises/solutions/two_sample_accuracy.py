"""A nearest neighbour that tells two sets apart, or cannot."""

import torch
from jaxtyping import Float
from torch import Tensor


def two_sample_accuracy(a: Float[Tensor, "N ..."], b: Float[Tensor, "M ..."]) -> float:
    """Return how often an image's nearest neighbour comes from the image's own set."""
    both = torch.cat([a, b]).flatten(1)
    is_a = torch.arange(len(both)) < len(a)
    distances = torch.cdist(both, both)
    distances.fill_diagonal_(float("inf"))  # an image is not its own neighbour
    return (is_a[distances.argmin(dim=1)] == is_a).float().mean().item()
