"""Exercise of the chapter on post-training: the objective of the preference stage."""

from jaxtyping import Bool, Float
from torch import Tensor


def regularised_reward(
    scores: Float[Tensor, " B"],
    logprobs: Float[Tensor, "B U"],
    reference: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    beta: float,
) -> Float[Tensor, ""]:
    """Return the mean of score - beta * (log-ratio of the answer to the reference, in nats)."""
    raise NotImplementedError
