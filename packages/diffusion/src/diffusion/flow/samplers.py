r"""Samplers: follow a velocity from noise at t = 1 to data at t = 0.

Each solves the differential equation dx/dt = v(x, t) in steps of length h, which is negative here.
The error of a whole path falls in proportion to h^order (Hairer, Norsett and Wanner 1993, section
II.1). A step of higher order evaluates the network more often.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

Velocity = Callable[[Tensor, float], Tensor]
"""Returns the velocity of all rows at one time."""
SamplerStep = Callable[[Velocity, Tensor, float, float], Tensor]
"""Moves all rows from one time to another."""


def euler(velocity: Velocity, x: Float[Tensor, "B *D"], t: float, t_next: float) -> Tensor:
    """Move in a straight line: x + h v(x, t)."""
    return x + (t_next - t) * velocity(x, t)


def heun(velocity: Velocity, x: Float[Tensor, "B *D"], t: float, t_next: float) -> Tensor:
    """Use the mean of the velocities at both ends of an Euler step."""
    h, v = t_next - t, velocity(x, t)
    v_end = velocity(x + h * v, t_next)
    return x + h / 2 * (v + v_end)


def midpoint(velocity: Velocity, x: Float[Tensor, "B *D"], t: float, t_next: float) -> Tensor:
    """Use the velocity in the middle of an Euler step."""
    h = t_next - t
    x_middle = x + h / 2 * velocity(x, t)
    return x + h * velocity(x_middle, t + h / 2)


def runge_kutta(velocity: Velocity, x: Float[Tensor, "B *D"], t: float, t_next: float) -> Tensor:
    """Combine four velocities: at the start, twice in the middle, and at the end (Kutta 1901)."""
    h = t_next - t
    v1 = velocity(x, t)
    v2 = velocity(x + h / 2 * v1, t + h / 2)
    v3 = velocity(x + h / 2 * v2, t + h / 2)
    v4 = velocity(x + h * v3, t_next)
    return x + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)


class Sampler(NamedTuple):
    """A step function with its order and its evaluations of the network per step."""

    step: SamplerStep
    order: int
    evaluations: int


SAMPLERS = {
    "euler": Sampler(euler, order=1, evaluations=1),
    "heun": Sampler(heun, order=2, evaluations=2),
    "midpoint": Sampler(midpoint, order=2, evaluations=2),
    "rk4": Sampler(runge_kutta, order=4, evaluations=4),
}
"""The samplers by their names on the command line."""


def trajectory(
    velocity: Velocity,
    noise: Float[Tensor, "B *D"],
    times: Float[Tensor, " N"],
    step: SamplerStep = euler,
) -> Iterator[Float[Tensor, "B *D"]]:
    """Yield the rows at each of the times; at the first of them they are the noise."""
    x = noise
    yield x
    for t, t_next in pairwise(times.tolist()):
        x = step(velocity, x, t, t_next)
        yield x


def sample(
    velocity: Velocity,
    noise: Float[Tensor, "B *D"],
    times: Float[Tensor, " N"],
    step: SamplerStep = euler,
) -> Float[Tensor, "B *D"]:
    """Follow the velocity from the noise at the first time to the last."""
    *_, x = trajectory(velocity, noise, times, step)
    return x
