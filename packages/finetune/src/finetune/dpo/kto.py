r"""KTO: learning from single answers that were called good or bad (Ethayarajh et al. 2024).

Kahneman and Tversky found that people judge an outcome by its distance from a reference point, and
feel less and less of what lies far from it on either side. The outcome here is the log-ratio
log pi(y | x) - log pi_ref(y | x); the reference point is its mean over answers to other questions,
an estimate of KL(pi || pi_ref) that costs no new text.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def reference_point(
    policy: Float[Tensor, " N"], reference: Float[Tensor, " N"]
) -> Float[Tensor, ""]:
    r"""How far the policy has moved on the whole, from answers put behind prompts not their own.

    z = max(0, mean(log pi(y' | x) - log pi_ref(y' | x)))    (Ethayarajh et al. 2024, section 4.1)

    A KL divergence is never negative; this estimate of it can be, hence the maximum. No gradient
    goes through it.
    """
    return (policy - reference).mean().clamp(min=0).detach()


def kto_loss(
    log_ratio: Float[Tensor, " B"],
    desirable: Bool[Tensor, " B"],
    point: Float[Tensor, ""],
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Float[Tensor, ""]:
    r"""What the answers are still short of their full value.

    loss = mean(lambda_y - v)    (Ethayarajh et al. 2024, eq. 8)
    v = lambda_D sigmoid(beta (r - z)) where desirable, lambda_U sigmoid(beta (z - r)) where not

    r is the log-ratio and z the reference point; lambda - lambda sigmoid(u) = lambda sigmoid(-u).
    With more good answers than bad ones, the weights are to make up for it.
    """
    gain = torch.where(desirable, log_ratio - point, point - log_ratio)
    weight = torch.where(desirable, desirable_weight, undesirable_weight)
    return (weight * torch.sigmoid(-beta * gain)).mean()
