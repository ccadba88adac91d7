"""Exercise of the chapter on DPO: a penalty for chosen answers that become less likely."""

from jaxtyping import Float
from torch import Tensor


def positive_dpo_loss(
    policy: Float[Tensor, " N"], reference: Float[Tensor, " N"], beta: float, weight: float
) -> Float[Tensor, ""]:
    """Return the DPO loss, with `weight` times the chosen answer's drop taken off each margin."""
    raise NotImplementedError
