r"""Data in two dimensions with a known velocity: a mixture of normal distributions.

Each component k has the velocity v_k of `gaussian`. The lines through a point x_t come from all
components, in proportion to their densities there (Bayes' rule), so the velocity is their mean:

    v(x_t, t) = sum_k p(k | x_t) v_k(x_t, t),
    p(k | x_t) proportional to w_k N(x_t; (1 - t) m_k, (1 - t)^2 s_k^2 + t^2)

A network that is trained on samples can be compared with it at every point (`velocity_error`).
"""

import math
from typing import NamedTuple

import torch
from einops import repeat
from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.flow.gaussian import GaussianFlow
from diffusion.flow.path import interpolate


class Mixture(NamedTuple):
    """Normal distributions with mixture weights; each has one standard deviation."""

    means: Float[Tensor, "K D"]
    stds: Float[Tensor, " K"]
    weights: Float[Tensor, " K"]

    def sample(
        self, n: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "N D"], Int[Tensor, " N"]]:
        """Draw n points; return them with the component that each one comes from."""
        components = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator)
        return self.means[components] + self.stds[components, None] * noise, components

    def responsibilities(self, x_t: Float[Tensor, "B D"], t: float) -> Float[Tensor, "B K"]:
        """Return the probability of each component at a point: p(k | x_t)."""
        variances = (1 - t) ** 2 * self.stds**2 + t**2
        squares = (x_t[:, None] - (1 - t) * self.means).square().sum(dim=-1)
        log_densities = -squares / (2 * variances) - self.means.shape[1] / 2 * variances.log()
        return (self.weights.log() + log_densities).softmax(dim=-1)

    def velocity(self, x_t: Float[Tensor, "B D"], t: float) -> Float[Tensor, "B D"]:
        """Return the true velocity at a point, the mean of the components' velocities."""
        flow = GaussianFlow(self.means, self.stds[:, None])
        points = repeat(x_t, "B D -> B K D", K=len(self.stds))
        velocities = flow.velocity(points, t)  # B K D
        return (self.responsibilities(x_t, t)[..., None] * velocities).sum(dim=1)


def ring(n_components: int = 8, radius: float = 2.0, std: float = 0.2) -> Mixture:
    """Return a mixture of normal distributions on a circle, with equal weights."""
    angles = 2 * math.pi * torch.arange(n_components) / n_components
    means = radius * torch.stack([angles.cos(), angles.sin()], dim=1)
    equal = torch.full((n_components,), 1 / n_components)
    return Mixture(means, torch.full((n_components,), std), equal)


@torch.inference_mode()
def velocity_error(
    model: nn.Module,
    mixture: Mixture,
    t: float,
    n: int,
    condition: Int[Tensor, " T"],
    generator: torch.Generator,
) -> float:
    """Return the mean squared error of a model's velocity at time t, per coordinate.

    The points are like those of training: on lines between samples and noise.
    """
    x, _ = mixture.sample(n, generator)
    times = torch.full((n,), t)
    x_t = interpolate(x, torch.randn(x.shape, generator=generator), times)
    predicted = model(x_t, times, condition.expand(n, -1))
    return (predicted - mixture.velocity(x_t, t)).square().mean().item()
