r"""The straight line between data and noise, and the velocity along it.

    x_t = (1 - t) x + t e,    v = dx_t/dt = e - x        (Liu et al. 2022, "Rectified flow", eq. 1)

Time runs from data at t = 0 to noise at t = 1, and e is standard normal noise. A network may
predict the velocity v or the data x. Given x_t and t, each follows from the other, so both can be
trained with the loss of the velocity (Li and He 2025, "Back to Basics", table 1).
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

Target = Literal["v", "x"]
"""Prediction of a network: the velocity, or the data."""

SMALLEST_TIME = 0.05
"""Lower limit of the time where predicted data is converted to a velocity by a division by it."""


def broadcast_time(t: Float[Tensor, " B"], like: Float[Tensor, "B *D"]) -> Float[Tensor, "B *ones"]:
    """Append axes of size 1 to the times, so that they multiply whole rows of `like`."""
    return t.view(-1, *[1] * (like.ndim - 1))


def interpolate(
    x: Float[Tensor, "B *D"], noise: Float[Tensor, "B *D"], t: Float[Tensor, " B"]
) -> Float[Tensor, "B *D"]:
    """Return the point at time t on the line from data to noise: (1 - t) x + t e."""
    t = broadcast_time(t, x)
    return (1 - t) * x + t * noise


def data_from_velocity(
    x_t: Float[Tensor, "B *D"], velocity: Float[Tensor, "B *D"], t: Float[Tensor, " B"]
) -> Float[Tensor, "B *D"]:
    """Follow the line back to time 0: x = x_t - t v."""
    return x_t - broadcast_time(t, x_t) * velocity


def noise_from_velocity(
    x_t: Float[Tensor, "B *D"], velocity: Float[Tensor, "B *D"], t: Float[Tensor, " B"]
) -> Float[Tensor, "B *D"]:
    """Follow the line forward to time 1: e = x_t + (1 - t) v."""
    return x_t + (1 - broadcast_time(t, x_t)) * velocity


def velocity_from_data(
    x_t: Float[Tensor, "B *D"], x: Float[Tensor, "B *D"], t: Float[Tensor, " B"]
) -> Float[Tensor, "B *D"]:
    r"""Return the velocity of the line from the data x through x_t: v = (x_t - x) / t.

    Near the data, a small error in x would become a large one in v, so the divisor is at least
    SMALLEST_TIME (Li and He 2025, section 4, where time runs the other way).
    """
    return (x_t - x) / broadcast_time(t, x_t).clamp(min=SMALLEST_TIME)
