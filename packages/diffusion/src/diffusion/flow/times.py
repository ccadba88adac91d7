r"""The times that training visits, and the times at which a sampler evaluates the network.

The middle of the path is the hardest to learn: near the noise the best prediction is the mean of
the data, and near the data it is x_t itself. Logit-normal times (Esser et al. 2024, eq. 19) visit
the middle more often than uniform ones.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.errors import BadInput

TimeDistribution = Literal["logit-normal", "uniform"]


def uniform_times(n: int, generator: torch.Generator) -> Float[Tensor, " N"]:
    """Draw n times from the uniform distribution on [0, 1)."""
    return torch.rand(n, generator=generator)


def logit_normal_times(
    n: int, generator: torch.Generator, mean: float = 0.0, std: float = 1.0
) -> Float[Tensor, " N"]:
    """Draw n times as sigmoid(mean + std z), where z is standard normal."""
    return torch.sigmoid(mean + std * torch.randn(n, generator=generator))


def logit_normal_density(
    t: Float[Tensor, " N"], mean: float = 0.0, std: float = 1.0
) -> Float[Tensor, " N"]:
    r"""Return the probability density of `logit_normal_times`.

    p(t) = exp(-(logit(t) - mean)^2 / (2 std^2)) / (std sqrt(2 pi) t (1 - t))    (eq. 19)
    """
    z = (torch.logit(t) - mean) / std
    return torch.exp(-z.square() / 2) / (std * math.sqrt(2 * math.pi) * t * (1 - t))


def shift_times(t: Float[Tensor, " N"], shift: float) -> Float[Tensor, " N"]:
    r"""Move times towards the noise: t' = s t / (1 + (s - 1) t)    (Esser et al. 2024, eq. 23).

    Larger images need a larger shift: they are still legible under noise that hides a small image.
    The times 0 and 1 do not move.
    """
    return shift * t / (1 + (shift - 1) * t)


def sampling_times(n_steps: int, shift: float = 1.0) -> Float[Tensor, " N"]:
    """Return the n_steps + 1 times of a sampler, evenly spaced from 1 to 0 and then shifted.

    They are in float64.

    Raises:
        BadInput: n_steps is below 1, or the shift is not a positive number.
    """
    if n_steps < 1:
        raise BadInput(f"steps must be at least 1, got {n_steps}")
    if not 0 < shift < math.inf:
        raise BadInput(f"shift must be a positive number, got {shift}")
    return shift_times(torch.linspace(1, 0, n_steps + 1, dtype=torch.float64), shift)
