"""By how much one method is better than another on the same problems."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gpt.errors import BadInput
from gpt.evaluation.intervals import bootstrap_mean


class PairedDifference(NamedTuple):
    """Difference of two rates, with its 95 % interval over problems."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        mean, low, high = (100 * number for number in self)
        return f"{mean:+.1f} points ({low:+.1f} to {high:+.1f})"


def paired_difference(
    first: Float[np.ndarray, " M"], second: Float[np.ndarray, " M"]
) -> PairedDifference:
    """Return by how much the mean of `first` is above that of `second`.

    Both hold a rate for each of the same M problems. A bootstrap draws the problems again, and both
    rates of a problem together, so what makes a problem hard for both does not widen the interval.

    Raises:
        BadInput: there are no problems.
    """
    if not len(first):
        raise BadInput("there are no problems to compare two methods on")
    return PairedDifference(*bootstrap_mean(first - second, np.random.default_rng(0)))
