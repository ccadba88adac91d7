"""Exercise of the chapter on samplers: order 2 with one evaluation per step."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor


def adams_bashforth(
    velocity: Callable[[Tensor, float], Tensor],
    noise: Float[Tensor, "B *D"],
    times: Float[Tensor, " N"],
) -> Float[Tensor, "B *D"]:
    """Follow the velocity from the noise at the first time to the last.

    The first step is an Euler step. Every later one, of length h, uses the velocity v at its start
    and the velocity v_old at the start of the step before, whose length was h_old:

        x + h (v + h / (2 h_old) (v - v_old))

    Evaluate the velocity once per step. Steps may differ in length.
    """
    raise NotImplementedError
