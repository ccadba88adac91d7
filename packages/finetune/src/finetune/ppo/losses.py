"""The losses of PPO: a step that pays, but no longer a step than the samples can vouch for.

The answers come from the policy of the last rollout, `old`. The ratio new / old of a token's
probabilities corrects for that, and once it leaves [1 - epsilon, 1 + epsilon] on the paying side
nothing more is paid, so the gradient there is zero (Schulman et al. 2017, "Proximal policy
optimization algorithms").

Every mean runs over all answer tokens of the minibatch (`masked_mean`), so a long answer counts for
more than a short one. Micro-batches of unequal numbers of tokens must be weighed by them.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from finetune.ppo.advantages import masked_mean
from finetune.ppo.kl import k3, log_ratio
from gpt.errors import BadInput


class ClippedLoss(NamedTuple):
    """A loss, and how much of it the clip has silenced."""

    loss: Float[Tensor, ""]
    clipped: Float[Tensor, ""]
    """The share of tokens where the clipped term is the one that counts: no gradient there."""


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
    check_epsilon(epsilon)
    ratio = log_ratio(logprobs, old_logprobs, mask).exp()
    plain = ratio * advantages
    bounded = ratio.clamp(1 - epsilon, 1 + epsilon) * advantages
    loss = -masked_mean(torch.minimum(plain, bounded), mask)
    return ClippedLoss(loss, masked_mean((bounded < plain).to(loss.dtype), mask))


def clipped_value_loss(
    values: Float[Tensor, "B U"],
    old_values: Float[Tensor, "B U"],
    returns: Float[Tensor, "B U"],
    mask: Bool[Tensor, "B U"],
    epsilon: float = 0.2,
) -> ClippedLoss:
    """0.5 mean of max((V - R)^2, (V_clipped - R)^2), V_clipped within epsilon of the old value.

    The paper has no such clip. It comes from OpenAI's code "PPO2" (Engstrom et al. 2020,
    "Implementation matters in deep policy gradients", section 3).

    Raises:
        BadInput: epsilon is not above 0.
    """
    check_epsilon(epsilon)
    moved = values.clamp(old_values - epsilon, old_values + epsilon)
    plain, bounded = ((each - returns).masked_fill(~mask, 0.0) ** 2 for each in (values, moved))
    loss = 0.5 * masked_mean(torch.maximum(plain, bounded), mask)
    return ClippedLoss(loss, masked_mean((bounded > plain).to(loss.dtype), mask))


def ppo_loss(
    policy: Float[Tensor, ""],
    value: Float[Tensor, ""],
    mean_entropy: Float[Tensor, ""],
    value_weight: float = 0.1,
    entropy_weight: float = 0.0,
) -> Float[Tensor, ""]:
    """L = policy + c1 value - c2 entropy, to be minimised (eq. 9 with its sign turned).

    The entropy is a bonus: it keeps the policy from deciding too early. With a KL penalty it is
    rarely needed, so its weight begins at 0.
    """
    return policy + value_weight * value - entropy_weight * mean_entropy


def approximate_kl(
    logprobs: Float[Tensor, "B U"], old_logprobs: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, ""]:
    """KL(old || new) a token, by k3 on the old policy's samples: how far the update has gone."""
    return masked_mean(k3(old_logprobs, logprobs, mask), mask)


def check_epsilon(epsilon: float) -> None:
    """Refuse a range that is empty or turned around."""
    if not epsilon > 0:
        raise BadInput(f"epsilon must be above 0, got {epsilon}")
