"""Nearest neighbours: how far each image is from the most similar image of another set."""

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from diffusion.metrics.checks import check_rows


def nearest_neighbours(
    points: Float[Tensor, "N ..."], others: Float[Tensor, "M ..."]
) -> tuple[Float[Tensor, " N"], Int[Tensor, " N"]]:
    """Return the Euclidean distance from each point to the nearest of `others`, and its row."""
    check_rows(1, others=others, points=points)
    flat, flat_others = rearrange(points, "n ... -> n (...)"), rearrange(others, "n ... -> n (...)")
    # the faster form through a matrix product is inexact for near-copies, whose distance is small
    distances = torch.cdist(flat, flat_others, compute_mode="donot_use_mm_for_euclid_dist")
    found = distances.min(dim=1)
    return found.values, found.indices


def nearest_distances(
    points: Float[Tensor, "N ..."], others: Float[Tensor, "M ..."]
) -> Float[Tensor, " N"]:
    """Return the Euclidean distance from each point to the nearest of `others`."""
    return nearest_neighbours(points, others)[0]
