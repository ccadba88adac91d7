"""Exercise of the chapter on smaller and faster models: how often a drafted token is kept."""

from jaxtyping import Float
from torch import Tensor


def acceptance_rate(p: Float[Tensor, " V"], q: Float[Tensor, " V"]) -> Float[Tensor, ""]:
    """Return the probability that a token drawn from q is kept by a model with probabilities p."""
    raise NotImplementedError
