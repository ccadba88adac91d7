"""Exercise of the chapter on the DiT: half a block with its modulation."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor


def adaln_zero(
    x: Float[Tensor, "B N D"],
    condition: Float[Tensor, "B D"],
    weight: Float[Tensor, "E D"],
    bias: Float[Tensor, " E"],
    layer: Callable[[Tensor], Tensor],
) -> Float[Tensor, "B N D"]:
    """Return x + gate * layer(norm(x) (1 + scale) + shift).

    Args:
        x: rows of the residual stream, one per patch.
        condition: a vector per image; the map `weight @ silu(condition) + bias` makes shift, scale
            and gate of it, in this order. All patches of an image share them.
        weight: matrix of the map, with E = 3 D rows.
        bias: bias of the map.
        layer: attention or feed-forward.

    The norm subtracts the mean of a row and divides by its standard deviation (1e-6 is added to
    the variance).
    """
    raise NotImplementedError
