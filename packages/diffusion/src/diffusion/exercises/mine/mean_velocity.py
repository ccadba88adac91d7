"""Exercise of the chapter on flow matching: the best velocity for a few data points."""

from jaxtyping import Float
from torch import Tensor


def mean_velocity(
    x_t: Float[Tensor, "B D"], points: Float[Tensor, "N D"], t: float
) -> Float[Tensor, "B D"]:
    """Return the mean velocity of all lines through each row of x_t at time t.

    Args:
        x_t: places, one per row.
        points: the data. Each point is equally probable.
        t: the time, above 0 and at most 1.

    A line from the point x passes through x_t if its noise is e = (x_t - (1 - t) x) / t. Its
    probability is proportional to exp(-|e|^2 / 2).
    """
    raise NotImplementedError
