r"""Coverage: the share of real images that have a sample near them.

    coverage = mean over held-out x of [ min_s |x - s| < r ]

The radius r is the nine-tenths quantile of min_t |x - t|, where t runs over as many training images
as there are samples. So n fresh training images cover nine tenths of the held-out images, and a
model is compared with that. The idea is from Naeem et al. 2020, "Reliable fidelity and diversity
metrics for generative models". They give every real image a radius of its own, the
distance to its k-th neighbour among the real images. One radius for all is easier to explain, and
it punishes a model more for missing rare images in sparse regions.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from diffusion.metrics.neighbours import nearest_distances
from gpt.errors import BadInput

QUANTILE = 0.9


class Coverage(NamedTuple):
    """Shares of held-out real images with a sample, or a training image, near them."""

    share: float
    """Share of held-out images with a sample within the radius; higher = fewer modes missed."""
    training_share: float
    """The same share with training images as samples: 0.9, up to rounding."""
    radius: float
    """Distance within which a held-out image counts as covered."""
    distance_ratio: float
    """Mean distance to the nearest sample over that to the nearest training image; lower = better,
    and 1 is as good as new real images."""
    n_held_out: int
    """Held-out images, for an interval of the shares."""


def coverage(
    samples: Float[Tensor, "N ..."],
    train: Float[Tensor, "M ..."],
    held_out: Float[Tensor, "L ..."],
    generator: Generator,
) -> Coverage:
    """Measure how many held-out images have a sample near them.

    The generator draws as many training images as there are samples, since the nearest of more
    images is nearer.

    Raises:
        BadInput: there are more samples than training images.
    """
    n = len(samples)
    if n > len(train):
        raise BadInput(
            f"coverage compares samples with as many training images: got {n} samples and "
            f"{len(train)} training images, so pass at most {len(train)} samples"
        )
    drawn = train[torch.randperm(len(train), generator=generator)[:n]]
    to_training = nearest_distances(held_out, drawn)
    to_samples = nearest_distances(held_out, samples)
    radius = to_training.quantile(QUANTILE)
    return Coverage(
        share=(to_samples < radius).float().mean().item(),
        training_share=(to_training < radius).float().mean().item(),
        radius=radius.item(),
        distance_ratio=(to_samples.mean() / to_training.mean()).item(),
        n_held_out=len(held_out),
    )
