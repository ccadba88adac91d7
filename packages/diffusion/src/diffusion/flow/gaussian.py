r"""A flow that is known exactly: data from a normal distribution.

If x ~ N(m, s^2) in every coordinate, x_t is also normal, with mean (1 - t) m and variance
(1 - t)^2 s^2 + t^2, and the velocity is the mean of e - x over all lines through x_t:

    v(x_t, t) = -m + (t - (1 - t) s^2) / ((1 - t)^2 s^2 + t^2) (x_t - (1 - t) m)

The path that starts at the noise e ends at m + s e, which the tests compare the samplers with.
"""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class GaussianFlow(NamedTuple):
    """The flow between N(mean, std^2) and noise, in each coordinate."""

    mean: Float[Tensor, "*D"]
    std: Float[Tensor, "*D"]

    def velocity(self, x_t: Float[Tensor, "B *D"], t: float) -> Float[Tensor, "B *D"]:
        """Return the velocity at a point, by the equation above."""
        variance = (1 - t) ** 2 * self.std**2 + t**2
        slope = (t - (1 - t) * self.std**2) / variance
        return slope * (x_t - (1 - t) * self.mean) - self.mean

    def position(self, noise: Float[Tensor, "B *D"], t: float) -> Float[Tensor, "B *D"]:
        """Return the position at time t of the path that starts at the noise."""
        return (1 - t) * self.mean + ((1 - t) ** 2 * self.std**2 + t**2) ** 0.5 * noise
