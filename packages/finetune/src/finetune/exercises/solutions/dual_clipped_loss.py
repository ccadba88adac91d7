"""Dual-clip PPO (Ye et al. 2020, "Mastering complex control in MOBA games")."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gpt.policy.kl import log_ratio
from gpt.policy.statistics import masked_mean


def dual_clipped_loss(
    logprobs: Float[Tensor, "B U"],
    old_logprobs: Float[Tensor, "B U"],
    advantages: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    epsilon: float,
    bound: float,
) -> Float[Tensor, ""]:
    """-mean of max(min(ratio A, clip(ratio) A), bound A) where A < 0, of the min elsewhere."""
    ratio = log_ratio(logprobs, old_logprobs, mask).exp()
    clipped = torch.minimum(ratio * advantages, ratio.clamp(1 - epsilon, 1 + epsilon) * advantages)
    bounded = torch.maximum(clipped, bound * advantages)
    return -masked_mean(torch.where(advantages < 0, bounded, clipped), mask)
