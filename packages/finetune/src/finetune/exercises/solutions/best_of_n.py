"""The policy that samples n answers and keeps the best (Beirami et al. 2024, lemma 1)."""

from jaxtyping import Float
from torch import Tensor


def best_of_n(
    reference: Float[Tensor, " A"], rewards: Float[Tensor, " A"], n: int
) -> Float[Tensor, " A"]:
    """P(all n draws at most as good) - P(all worse), split among equals as in the reference."""
    p = reference.exp()
    worse = (p * (rewards < rewards[:, None])).sum(-1)
    equal = (p * (rewards == rewards[:, None])).sum(-1)
    return ((worse + equal) ** n - worse**n) * p / equal
