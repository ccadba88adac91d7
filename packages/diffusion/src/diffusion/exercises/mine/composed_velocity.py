"""Exercise of the chapter on guidance: several conditions at once."""

from jaxtyping import Float, Int
from torch import Tensor, nn


def composed_velocity(
    model: nn.Module,
    x: Float[Tensor, "B *D"],
    t: Float[Tensor, " B"],
    conditions: list[Int[Tensor, "B T"]],
    null: Int[Tensor, " T"],
    weights: list[float],
) -> Float[Tensor, "B *D"]:
    """Guide towards several conditions, each with its own weight w_k.

        v(x_t) + sum_k w_k (v(x_t | c_k) - v(x_t))

    `model(x, t, ids)` returns the velocity of each row; `null` is the null condition. Evaluate the
    model once, with (1 + number of conditions) * B rows.
    """
    raise NotImplementedError
