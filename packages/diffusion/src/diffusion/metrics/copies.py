r"""Near-copies: samples that are closer to a training image than new real images are.

A model that memorised its training images has perfect accuracy and coverage. Two scales say how
close is too close. Held-out real images cannot be copies, though some are near a training image by
chance: at most as many samples should be as near. Or, where near-identical drawings exist, the
training image's own augmentations set the radius: a sample nearer than those is that image again.
(Somepalli et al. 2023, "Diffusion art or digital forgery?", study copies with learned features.)
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from diffusion.metrics.neighbours import nearest_distances, nearest_neighbours
from gpt.errors import BadInput

Augment = Callable[[Tensor, Generator], Tensor]
"""A random change of a batch of images that keeps their names, such as a shift by some pixels."""


class CopyShares(NamedTuple):
    """Share of near-copies among samples, and for scale among held-out images."""

    samples: float
    """Share of samples within the radius of a training image; lower = fewer copies."""
    held_out: float
    """The same share for held-out real images."""
    n_samples: int
    """Samples, for an interval of their share."""


def near_copies(
    samples: Float[Tensor, "N ..."],
    train: Float[Tensor, "M ..."],
    held_out: Float[Tensor, "L ..."],
    quantile: float = 0.05,
) -> CopyShares:
    """Return the shares of images that are nearer to a training image than a radius.

    The radius is the quantile of the held-out images' distances to their nearest training image, so
    the share of held-out images is `quantile`, up to rounding.

    Raises:
        BadInput: quantile is not between 0 and 1.
    """
    if not 0 < quantile < 1:
        raise BadInput(f"quantile must be between 0 and 1, got {quantile}")
    ours, real = nearest_distances(samples, train), nearest_distances(held_out, train)
    radius = real.quantile(quantile)
    return CopyShares(share_below(ours, radius), share_below(real, radius), len(samples))


def augmentation_copies(
    samples: Float[Tensor, "N C height width"],
    train: Float[Tensor, "M C height width"],
    held_out: Float[Tensor, "L C height width"],
    augment: Augment,
    generator: Generator,
    draws: int = 8,
) -> CopyShares:
    """Return the shares of images nearer to a training image than its augmentations are.

    Every training image has a radius of its own: the mean distance to `draws` augmentations of it.
    """
    changed = torch.stack([augment(train, generator) for _ in range(draws)])
    radii = (changed - train).flatten(2).norm(dim=-1).mean(dim=0)
    shares = []
    for images in (samples, held_out):
        distances, rows = nearest_neighbours(images, train)
        shares.append(share_below(distances, radii[rows]))
    return CopyShares(shares[0], shares[1], len(samples))


def share_below(distances: Float[Tensor, " N"], radii: Float[Tensor, "..."]) -> float:
    """Return the share of distances that are below their radius."""
    return (distances < radii).float().mean().item()
