"""Exercise of the chapter on post-training: what the preference stage makes large."""

from jaxtyping import Bool, Float
from torch import Tensor


def regularised_reward(
    scores: Float[Tensor, " B"],
    logprobs: Float[Tensor, "B U"],
    reference: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    beta: float,
) -> Float[Tensor, ""]:
    """The mean score, less beta for each nat by which an answer left the reference."""
    raise NotImplementedError
