r"""Distances between two sets of points in the plane, for flows whose data are 2-D points.

Both are zero only for equal distributions, and need no features, bins or densities.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from diffusion.metrics.checks import check_rows
from gpt.errors import BadInput


def energy_distance(a: Float[Tensor, "N D"], b: Float[Tensor, "M D"]) -> float:
    r"""Return the energy distance, estimated without bias.

    2 E|a - b| - E|a - a'| - E|b - b'|      (Szekely and Rizzo 2013, "Energy statistics")

    a and a' are two different rows. Taking rows with themselves would add zeros and make the
    estimate too large; without them it is unbiased, so between sets of one distribution it is
    around 0 and can be negative.
    """
    check_rows(2, a=a, b=b)
    a, b = a.double(), b.double()

    def mean_within(rows: Tensor) -> Tensor:
        return torch.cdist(rows, rows).sum() / (len(rows) * (len(rows) - 1))

    return (2 * torch.cdist(a, b).mean() - mean_within(a) - mean_within(b)).item()


def wasserstein_1d(a: Float[Tensor, "N ..."], b: Float[Tensor, "N ..."]) -> Float[Tensor, "..."]:
    r"""Return the squared Wasserstein-2 distance of numbers, column by column.

    W^2 = mean over ranks i of (a_(i) - b_(i))^2

    On a line the cheapest way to move points onto others keeps their order, so sorting both finds
    it (Villani 2003, theorem 2.18).
    """
    return (a.sort(dim=0).values - b.sort(dim=0).values).square().mean(dim=0)


def sliced_wasserstein_distance(
    a: Float[Tensor, "N 2"], b: Float[Tensor, "M 2"], n_directions: int = 64
) -> float:
    r"""Return the sliced Wasserstein-2 distance of points in the plane.

    SW = sqrt(mean over directions u of W(a u, b u)^2)      (Bonneel et al. 2015)

    The directions are evenly spaced over the half circle, so nothing is random. Moving all points
    by d gives |d| / sqrt(2). Two sets of one distribution are above 0 by chance: compare with the
    floor at the same n.

    Raises:
        BadInput: the sets differ in size, which would need more than sorting.
    """
    check_rows(1, a=a, b=b)
    if len(a) != len(b):
        raise BadInput(f"the sliced distance needs equally many points, got {len(a)} and {len(b)}")
    if n_directions < 2:
        raise BadInput(f"n_directions must be at least 2, got {n_directions}")
    angles = torch.arange(n_directions, dtype=torch.float64) * math.pi / n_directions
    directions = torch.stack([angles.cos(), angles.sin()])
    return wasserstein_1d(a.double() @ directions, b.double() @ directions).mean().sqrt().item()
