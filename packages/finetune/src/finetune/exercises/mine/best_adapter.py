"""Exercise of the chapter on LoRA: the adapter closest to a change of all weights."""

from jaxtyping import Float
from torch import Tensor


def best_adapter(
    change: Float[Tensor, "N D"], rank: int, scale: float
) -> tuple[Float[Tensor, "R D"], Float[Tensor, "N R"]]:
    """Return A and B for which scale B A is as close to the change as this rank allows."""
    raise NotImplementedError
