"""Exercise of the chapter on PPO: a bound for bad tokens that became likelier."""

from jaxtyping import Bool, Float
from torch import Tensor


def dual_clipped_loss(
    logprobs: Float[Tensor, "B U"],
    old_logprobs: Float[Tensor, "B U"],
    advantages: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    epsilon: float,
    bound: float,
) -> Float[Tensor, ""]:
    """Return PPO's loss with an objective of at least `bound` times each negative advantage."""
    raise NotImplementedError
