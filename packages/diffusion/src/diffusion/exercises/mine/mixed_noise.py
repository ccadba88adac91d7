"""Exercise of the chapter on text to image: noise between two noises."""

from jaxtyping import Float
from torch import Tensor


def mixed_noise(
    first: Float[Tensor, "*D"], second: Float[Tensor, "*D"], weight: float
) -> Float[Tensor, "*D"]:
    """Return noise on the way from `first` (weight 0) to `second` (weight 1).

    Args:
        first: independent standard normal numbers.
        second: as many standard normal numbers, independent of the first.
        weight: the weight of the second noise, in [0, 1]; the first has the weight 1 - weight.

    Divide the weighted sum by its standard deviation, so that the result is standard normal again.
    The variances of independent numbers add up, and a factor a multiplies a variance by a^2.
    """
    raise NotImplementedError
