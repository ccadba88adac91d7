"""Estimators of the KL divergence between a policy and its reference.

KL(policy || reference) = E_policy[log policy - log reference], in nats. Sampled answers give an
estimate per token; the two full distributions give the exact value. Per token, from one sample x of
the policy, with the log-ratio d = log policy(x) - log reference(x) (Schulman 2020, "Approximating
KL divergence", whose r is exp(-d)):

    k1 = d                   unbiased; negative where the reference assigns x more probability
    k2 = d^2 / 2             never negative, biased
    k3 = exp(-d) - 1 + d     never negative, unbiased

These are values to report, or to subtract from a reward. They are not losses: their gradients treat
the sampled tokens as fixed, although other weights would sample others. The expected gradient of k1
is then zero; only that of k2 is the gradient of the KL.

All estimators are 0 where the mask is False, whatever the inputs are there.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def log_ratio(
    logprobs: Float[Tensor, "B U"], reference: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """Log-ratio d of each token; 0 outside the mask."""
    return (logprobs - reference).masked_fill(~mask, 0.0)


def k1(
    logprobs: Float[Tensor, "B U"], reference: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """Log-ratio d: unbiased but noisy, and negative for some tokens."""
    return log_ratio(logprobs, reference, mask)


def k2(
    logprobs: Float[Tensor, "B U"], reference: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """Half the squared log-ratio: close to the KL for similar models, biased for others."""
    return log_ratio(logprobs, reference, mask) ** 2 / 2


def k3(
    logprobs: Float[Tensor, "B U"], reference: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """k1 plus exp(-d) - 1, whose mean is zero: unbiased and never negative."""
    d = log_ratio(logprobs, reference, mask)
    return torch.expm1(-d) + d


def exact_kl(
    logits: Float[Tensor, "B U V"], reference: Float[Tensor, "B U V"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """Exact KL, sum over v of p(v) (log p(v) - log q(v)); needs all V logits of both models."""
    log_p, log_q = (
        each.masked_fill(~mask[..., None], 0.0).log_softmax(-1) for each in (logits, reference)
    )
    return (log_p.exp() * (log_p - log_q)).sum(-1)
