"""KL(reference || policy) from samples of the policy (Schulman 2020)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gpt.policy.kl import log_ratio


def forward_kl(
    logprobs: Float[Tensor, "B U"], reference: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """R log r - (r - 1) with r = reference / policy; the mean of r - 1 under the policy is 0."""
    d = log_ratio(logprobs, reference, mask)
    return -d * (-d).exp() - torch.expm1(-d)
