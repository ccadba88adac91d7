"""Losses of PPO: follow the advantages, but only as far as the old samples are reliable.

The answers come from the policy of the last rollout, `old`. The ratio new / old of a token's
probabilities corrects for that. Once the ratio leaves [1 - epsilon, 1 + epsilon] in the direction
that the advantage rewards, the loss is constant and its gradient zero (Schulman et al. 2017,
"Proximal policy optimization algorithms").

Every mean runs over all answer tokens of the minibatch (`masked_mean`), so a long answer counts for
more than a short one.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gpt.errors import BadInput
from gpt.policy.kl import k3, log_ratio
from gpt.policy.statistics import masked_mean


class ClippedLoss(NamedTuple):
    """A clipped loss, and the share of tokens that the clip affects."""

    loss: Float[Tensor, ""]
    clip_fraction: Float[Tensor, ""]
    """Share of tokens whose clipped term is selected, so that they get no gradient."""


def clipped_policy_loss(
    logprobs: Float[Tensor, "B U"],
    old_logprobs: Float[Tensor, "B U"],
    advantages: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    epsilon: float = 0.2,
) -> ClippedLoss:
    """-mean of min(ratio A, clip(ratio, 1 - epsilon, 1 + epsilon) A), ratio = new / old (eq. 7).

    Raises:
        BadInput: epsilon is not above 0.
    """
    if not epsilon > 0:
        raise BadInput(f"epsilon must be above 0, got {epsilon}")
    ratio = log_ratio(logprobs, old_logprobs, mask).exp()
    unclipped = ratio * advantages
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon) * advantages
    loss = -masked_mean(torch.minimum(unclipped, clipped), mask)
    return ClippedLoss(loss, masked_mean((clipped < unclipped).to(loss.dtype), mask))


def clipped_value_loss(
    values: Float[Tensor, "B U"],
    old_values: Float[Tensor, "B U"],
    returns: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    epsilon: float = 0.2,
) -> ClippedLoss:
    """0.5 mean of max((V - R)^2, (V_clipped - R)^2), V_clipped within epsilon of the old value.

    This clip is not in the paper. It comes from OpenAI's code "PPO2" (Engstrom et al. 2020,
    "Implementation matters in deep policy gradients", section 3).

    Raises:
        BadInput: epsilon is not above 0.
    """
    if not epsilon > 0:
        raise BadInput(f"epsilon must be above 0, got {epsilon}")
    clipped_values = values.clamp(old_values - epsilon, old_values + epsilon)
    unclipped, clipped = (
        (each - returns).masked_fill(~mask, 0.0) ** 2 for each in (values, clipped_values)
    )
    loss = 0.5 * masked_mean(torch.maximum(unclipped, clipped), mask)
    return ClippedLoss(loss, masked_mean((clipped > unclipped).to(loss.dtype), mask))


def ppo_loss(
    policy: Float[Tensor, ""],
    value: Float[Tensor, ""],
    mean_entropy: Float[Tensor, ""],
    value_coef: float = 0.1,
    entropy_coef: float = 0.0,
) -> Float[Tensor, ""]:
    """L = policy + c1 value - c2 entropy, to be minimised (eq. 9 with the opposite sign).

    The entropy bonus keeps the policy from becoming deterministic too early. With a KL penalty it
    is rarely needed, so its default weight is 0.
    """
    return policy + value_coef * value - entropy_coef * mean_entropy


def approximate_kl(
    logprobs: Float[Tensor, "B U"], old_logprobs: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, ""]:
    """Estimate KL(old || new) per token with k3, from the old policy's samples."""
    return masked_mean(k3(old_logprobs, logprobs, mask), mask)
