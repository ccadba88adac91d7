"""Exercise of the chapter on PPO: a bound for tokens that were bad and became likelier."""

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
    """PPO's clipped loss, whose objective is never below `bound` times a negative advantage."""
    raise NotImplementedError
