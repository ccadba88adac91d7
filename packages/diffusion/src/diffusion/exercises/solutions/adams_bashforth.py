"""Order 2 with one evaluation per step: remember the last velocity."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor

from diffusion.flow.samplers import Velocity


def adams_bashforth(
    velocity: Velocity, noise: Float[Tensor, "B *D"], times: Float[Tensor, " N"]
) -> Float[Tensor, "B *D"]:
    """Continue the trend of the velocity from the last step to the middle of this one."""
    x, v_old, h_old = noise, None, 1.0
    for t, t_next in pairwise(times.tolist()):
        h, v = t_next - t, velocity(x, t)
        trend = 0 if v_old is None else h / (2 * h_old) * (v - v_old)
        x = x + h * (v + trend)
        v_old, h_old = v, h
    return x
