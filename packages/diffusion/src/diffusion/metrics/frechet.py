r"""The Frechet distance between two sets of features, each summarised as a normal distribution.

    d^2 = |m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2))      (Dowson and Landau 1982)

With features of the Inception network it is the FID (Heusel et al. 2017, eq. 6). Here the features
are those of a small network of our own (`features`), so its values cannot be compared with
published ones. They depend on the number of images, too: always report them next to the distance
between real images at the same n (`floor`).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from diffusion.metrics.checks import check_rows


def gaussian_frechet_distance(
    mean_1: Float[Tensor, " D"],
    cov_1: Float[Tensor, "D D"],
    mean_2: Float[Tensor, " D"],
    cov_2: Float[Tensor, "D D"],
) -> Float[Tensor, ""]:
    r"""Return the squared Frechet distance between two normal distributions.

    The trace of (C_1 C_2)^(1/2) is taken as that of (S C_2 S)^(1/2) with S = C_1^(1/2). Both have
    the same eigenvalues, but S C_2 S is symmetric, so rounding cannot make them complex.
    """
    values, vectors = torch.linalg.eigh(cov_1)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_2 @ root).clamp(min=0).sqrt().sum()
    return (mean_1 - mean_2).square().sum() + cov_1.trace() + cov_2.trace() - 2 * cross


def frechet_distance(a: Float[Tensor, "N ..."], b: Float[Tensor, "M ..."]) -> float:
    """Return the squared Frechet distance between two sets of features, in float64.

    Raises:
        BadInput: a set has fewer than two rows, so it has no covariance, or the sets differ in
            width, or a number is not finite.
    """
    check_rows(2, a=a, b=b)
    a, b = a.flatten(1).double(), b.flatten(1).double()
    # the covariance of a single feature has no axes, so both get them back
    cov_a, cov_b = (torch.atleast_2d(torch.cov(rows.T)) for rows in (a, b))
    return gaussian_frechet_distance(a.mean(dim=0), cov_a, b.mean(dim=0), cov_b).item()
