r"""KTO: learning from single answers labelled good or bad (Ethayarajh et al. 2024).

Kahneman and Tversky found that people judge an outcome by its distance from a reference point, and
are less and less sensitive far from it on either side. The outcome here is the log-ratio
log pi(y | x) - log pi_ref(y | x). The reference point is its mean over answers to other questions,
an estimate of KL(pi || pi_ref) that needs no generation.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def reference_point(
    policy: Float[Tensor, " N"], reference: Float[Tensor, " N"]
) -> Float[Tensor, ""]:
    r"""Estimate the KL from the reference with answers that belong to other prompts.

    z = max(0, mean(log pi(y' | x) - log pi_ref(y' | x)))    (Ethayarajh et al. 2024, section 4.1)

    A KL divergence is never negative; this estimate of it can be, hence the maximum. No gradient
    goes through it.
    """
    return (policy - reference).mean().clamp(min=0).detach()


def kto_loss(
    log_ratio: Float[Tensor, " B"],
    desirable: Bool[Tensor, " B"],
    kl_estimate: Float[Tensor, ""],
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Float[Tensor, ""]:
    r"""Mean distance of the answers' values from their maximum.

    loss = mean(lambda_y - v)    (Ethayarajh et al. 2024, eq. 8)
    v = lambda_D sigmoid(beta (r - z)) where desirable, lambda_U sigmoid(beta (z - r)) where not

    r is the log-ratio and z the reference point; lambda - lambda sigmoid(u) = lambda sigmoid(-u).
    The weights can make up for unequal numbers of good and bad answers.
    """
    gain = torch.where(desirable, log_ratio - kl_estimate, kl_estimate - log_ratio)
    weight = torch.where(desirable, desirable_weight, undesirable_weight)
    return (weight * torch.sigmoid(-beta * gain)).mean()
