"""Exercise of the chapter on DPO and PPO: the policy that samples n answers and keeps the best."""

from jaxtyping import Float
from torch import Tensor


def best_of_n(
    reference: Float[Tensor, " A"], rewards: Float[Tensor, " A"], n: int
) -> Float[Tensor, " A"]:
    """Return the probability of each answer, if the first of the best of n draws is kept."""
    raise NotImplementedError
