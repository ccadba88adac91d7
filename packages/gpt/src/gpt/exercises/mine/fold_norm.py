"""Exercise of the chapter on norms: a norm whose gain and bias move into the next layer."""

from jaxtyping import Float
from torch import Tensor


def fold_norm(
    gain: Float[Tensor, " D"], bias: Float[Tensor, " D"], weight: Float[Tensor, "F D"]
) -> tuple[Float[Tensor, "F D"], Float[Tensor, " F"]]:
    """Return a layer that has the same output without the gain and bias of the norm before it.

    For every row z: folded_weight z + folded_bias = weight (z gain + bias)
    """
    raise NotImplementedError
