r"""Flow matching in the terms of score models and of denoising diffusion (DDPM).

The three predict the same quantity in different units. With the mean velocity v(x_t, t) and the
mean noise e = x_t + (1 - t) v at x_t:

    score:  grad log p_t(x_t) = -e / t                   (Vincent 2011; Song et al. 2021, section 2)
    DDPM:   z = x_t / c,  c = sqrt((1 - t)^2 + t^2)       which keeps a data variance of 1
    hence:  z = sqrt(a) x + sqrt(1 - a) e,  a = (1 - t)^2 / c^2      (Ho et al. 2020, eq. 4)

So a network that predicts e from z also predicts v from x_t, and the noise schedule of a DDPM is a
choice of times.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from diffusion.flow.path import broadcast_time, noise_from_velocity


def score_from_velocity(
    x_t: Float[Tensor, "B *D"], velocity: Float[Tensor, "B *D"], t: Float[Tensor, " B"]
) -> Float[Tensor, "B *D"]:
    """Return the gradient of the log-density at x_t, which points to more probable data."""
    return -noise_from_velocity(x_t, velocity, t) / broadcast_time(t, x_t)


def alpha_bar(t: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Return the fraction of the variance that is the data's at time t: a of a DDPM."""
    return (1 - t).square() / ((1 - t).square() + t.square())


def time_of_alpha_bar(a: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Return the time at which the fraction is a: t = sqrt(1 - a) / (sqrt(a) + sqrt(1 - a))."""
    return (1 - a).sqrt() / (a.sqrt() + (1 - a).sqrt())


def ddpm_state(x_t: Float[Tensor, "B *D"], t: Float[Tensor, " B"]) -> Float[Tensor, "B *D"]:
    """Scale x_t to the state z of a DDPM with the same ratio of data to noise."""
    return x_t / broadcast_time(torch.hypot(1 - t, t), x_t)
