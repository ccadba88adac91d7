"""A norm whose gain and bias move into the next layer."""

from jaxtyping import Float
from torch import Tensor


def fold_norm(
    gain: Float[Tensor, " D"], bias: Float[Tensor, " D"], weight: Float[Tensor, "F D"]
) -> tuple[Float[Tensor, "F D"], Float[Tensor, " F"]]:
    """Use W (z gain + bias) = (W gain) z + W bias, where the gain multiplies the columns of W."""
    return weight * gain, weight @ bias
