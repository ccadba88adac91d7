"""Exercise of the chapter on DPO and PPO: the policy that answers n times and keeps the best."""

from jaxtyping import Float
from torch import Tensor


def best_of_n(
    reference: Float[Tensor, " A"], rewards: Float[Tensor, " A"], n: int
) -> Float[Tensor, " A"]:
    """The probability of each answer, where the first of the best of n draws is kept."""
    raise NotImplementedError
