"""Exercise of the chapter on KL: the other direction, from the policy's own samples."""

from jaxtyping import Bool, Float
from torch import Tensor


def forward_kl(
    logprobs: Float[Tensor, "B U"], reference: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """Return an estimate of KL(reference || policy) per token: unbiased and never negative."""
    raise NotImplementedError
