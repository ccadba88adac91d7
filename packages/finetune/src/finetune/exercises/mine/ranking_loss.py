"""Exercise of the chapter on reward models: a reader who has ranked K answers, not two."""

from jaxtyping import Float
from torch import Tensor


def ranking_loss(scores: Float[Tensor, "B K"]) -> Float[Tensor, ""]:
    """The Bradley-Terry loss of all pairs of each row, whose answers stand from best to worst."""
    raise NotImplementedError
