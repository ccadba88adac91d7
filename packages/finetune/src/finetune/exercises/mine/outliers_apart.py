"""Exercise of the chapter on four bits: a few large weights are kept exactly."""

from jaxtyping import Float
from torch import Tensor


def outliers_apart(weight: Float[Tensor, "N D"], n: int) -> Float[Tensor, "N D"]:
    """What comes back if the n weights of largest magnitude are exact and the rest is in nf4."""
    raise NotImplementedError
