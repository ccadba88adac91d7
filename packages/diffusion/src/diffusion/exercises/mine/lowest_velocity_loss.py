"""Exercise of the chapter on x or v: the lowest loss of the velocity for a narrow network."""

from jaxtyping import Float
from torch import Tensor


def lowest_velocity_loss(data: Float[Tensor, "N D"], width: int) -> float:
    """Return a lower limit of the loss, if a network with a linear last layer predicts velocities.

    Args:
        data: examples, one per row.
        width: inputs of the last layer; with its bias, its outputs vary in this many directions.

    The velocity e - x has the covariance of the data (divided by N) plus 1 in every coordinate. The
    loss is a mean over all D coordinates. At best, the network has no error in the `width`
    directions with the largest variance, and predicts the mean in all others.
    """
    raise NotImplementedError
