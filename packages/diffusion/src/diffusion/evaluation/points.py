"""Measures of generated points, next to those of as many real ones.

The data are a mixture whose velocity is known, so the error of the network's velocity is measured
at every time, and not only the samples that it leads to.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from diffusion.flow.mixture import Mixture, velocity_error
from diffusion.metrics.distances import energy_distance, sliced_wasserstein_distance
from diffusion.metrics.floor import above_floor
from gpt.errors import BadInput

STDS_OF_A_COMPONENT = 3.0
"""A point within this many standard deviations of a mean counts as on that component."""
ERROR_TIMES = torch.linspace(0, 1, 21)
"""Flow times at which the velocity is compared with the true one."""

MAX_POINTS = 5000
"""Largest number of points; the distances between all pairs of them then take 0.2 GB."""


@dataclass(frozen=True)
class PointScores:
    """Measures of one set of points; the floors are those of as many real points."""

    guidance: float
    """Guidance weight."""
    on_component: float
    """Share of points near the mean of a component."""
    real_on_component: float
    """The same share of real points."""
    right_component: float | None
    """Share of points whose nearest component is that of their prompt; None without prompts."""
    energy: float
    """Energy distance to real points."""
    energy_floor: float
    """Energy distance between two sets of real points; around 0, and can be negative."""
    sliced: float
    """Sliced Wasserstein distance to real points."""
    sliced_floor: float
    """The same distance between two sets of real points."""


def score_points(
    points: Float[Tensor, "N 2"],
    prompts: Int[Tensor, " N"] | None,
    mixture: Mixture,
    guidance: float,
) -> PointScores:
    """Measure points that were drawn for these components, or without a condition.

    Raises:
        BadInput: there are too few points for a distance, or too many for a table of distances.
    """
    if not 2 <= len(points) <= MAX_POINTS:
        raise BadInput(f"n must lie between 2 and {MAX_POINTS}, got {len(points)}")
    n, generator = len(points), Generator().manual_seed(0)
    real, _ = mixture.sample(4 * n, generator)
    energy = above_floor(energy_distance, points, real, generator)
    sliced = above_floor(sliced_wasserstein_distance, points, real, generator)
    nearest = torch.cdist(points, mixture.means).argmin(dim=1)
    right = None if prompts is None else (nearest == prompts).float().mean().item()
    return PointScores(
        guidance,
        on_component(points, mixture),
        on_component(real, mixture),
        right,
        energy.distance,
        energy.floor,
        sliced.distance,
        sliced.floor,
    )


def on_component(points: Float[Tensor, "N 2"], mixture: Mixture) -> float:
    """Return the share of points near the mean of a component."""
    near = torch.cdist(points, mixture.means) < STDS_OF_A_COMPONENT * mixture.stds
    return near.any(dim=1).float().mean().item()


def velocity_errors(
    model: nn.Module, condition: Int[Tensor, " T"], mixture: Mixture, n: int
) -> Float[Tensor, " n_times"]:
    """Return the mean squared error of a model's velocity at each of `ERROR_TIMES`."""
    generator, times = Generator().manual_seed(0), ERROR_TIMES.tolist()
    errors = [velocity_error(model, mixture, t, n, condition, generator) for t in times]
    return torch.tensor(errors)
