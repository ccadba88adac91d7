"""Exercise of the chapter on DPO: a loss that charges for a chosen answer that falls."""

from jaxtyping import Float
from torch import Tensor


def positive_dpo_loss(
    policy: Float[Tensor, " N"], reference: Float[Tensor, " N"], beta: float, weight: float
) -> Float[Tensor, ""]:
    """DPO, less `weight` times what each chosen answer has lost, inside the sigmoid."""
    raise NotImplementedError
