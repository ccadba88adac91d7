"""Exercise of the chapter on reward models: rankings of K answers instead of pairs."""

from jaxtyping import Float
from torch import Tensor


def ranking_loss(scores: Float[Tensor, "B K"]) -> Float[Tensor, ""]:
    """Return the Bradley-Terry loss of all pairs of each row, sorted from best to worst."""
    raise NotImplementedError
