"""The objective of the preference stage (Ouyang et al. 2022, eq. 2, without its last term)."""

from jaxtyping import Bool, Float
from torch import Tensor

from gpt.policy.kl import k1


def regularised_reward(
    scores: Float[Tensor, " B"],
    logprobs: Float[Tensor, "B U"],
    reference: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    beta: float,
) -> Float[Tensor, ""]:
    """Average over answers: score - beta sum over tokens of (log pi - log pi_ref)."""
    return (scores - beta * k1(logprobs, reference, mask).sum(dim=1)).mean()
