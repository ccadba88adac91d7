"""How far the policy has moved from its reference, and what a nat of that distance costs.

KL(policy || reference) = E_policy[log policy - log reference], in nats. A sampled answer gives an
estimate a token; both whole distributions give it exactly. Per token, from one sample x of the
policy, with the log-ratio d = log policy(x) - log reference(x) (Schulman 2020, "Approximating KL
divergence", whose r is exp(-d)):

    k1 = d                   unbiased; below zero wherever the reference likes the token better
    k2 = d^2 / 2             never negative, biased
    k3 = exp(-d) - 1 + d     never negative, unbiased

They are values to report or to subtract from a reward. As losses they are something else: samples
do not move with the policy, so the expected gradient of k1 is zero; that of k2 is the KL's.

All are 0 where the mask is False, whatever stands there.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gpt.errors import BadInput


def log_ratio(
    logprobs: Float[Tensor, "B U"], reference: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """The log-ratio d of each token; 0 outside the mask."""
    return (logprobs - reference).masked_fill(~mask, 0.0)


def k1(
    logprobs: Float[Tensor, "B U"], reference: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """The log-ratio itself: right on average, noisy, and negative for some tokens."""
    return log_ratio(logprobs, reference, mask)


def k2(
    logprobs: Float[Tensor, "B U"], reference: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """Half the squared log-ratio: close to the KL while the two are close, and wrong beyond."""
    return log_ratio(logprobs, reference, mask) ** 2 / 2


def k3(
    logprobs: Float[Tensor, "B U"], reference: Float[Tensor, "B U"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """k1 plus exp(-d) - 1, whose mean is zero: right on average and never below zero."""
    d = log_ratio(logprobs, reference, mask)
    return torch.expm1(-d) + d


def exact_kl(
    logits: Float[Tensor, "B U V"], reference: Float[Tensor, "B U V"], mask: Bool[Tensor, "B U"]
) -> Float[Tensor, "B U"]:
    """KL = sum over v of p(v) (log p(v) - log q(v)): no sampling, but both rows of V scores."""
    log_p, log_q = (
        each.masked_fill(~mask[..., None], 0.0).log_softmax(-1) for each in (logits, reference)
    )
    return (log_p.exp() * (log_p - log_q)).sum(-1)


@dataclass(frozen=True)
class AdaptiveKLController:
    """A price that rises while the KL is above its target and falls below (Ziegler et al. 2019).

    beta <- beta (1 + K clip(KL / target - 1, -0.2, 0.2))    (section 2.2)

    The paper's K is 0.1. Here it is n / horizon for an update of n answers, so that the price moves
    as fast in a run of small updates as in one of large ones.
    """

    beta: float
    """Reward given up for each nat of KL, now."""
    target: float = 6.0
    """Nats an answer: the KL of a whole answer, its tokens' sum."""
    horizon: int = 10_000
    """Answers over which a KL that is 20 % off or more moves the price by about a fifth."""

    def __post_init__(self) -> None:
        """Refuse what could never be reached or would turn the price around."""
        check_positive("beta", self.beta)
        check_positive("target", self.target)
        check_positive("horizon", self.horizon)

    def after(self, kl: float, n_answers: int) -> "AdaptiveKLController":
        """The price of the next update, from the mean KL of this one's answers."""
        error = min(max(kl / self.target - 1, -0.2), 0.2)
        return replace(self, beta=self.beta * (1 + error * n_answers / self.horizon))


def check_positive(name: str, value: float | int) -> None:
    """Refuse what is no finite number above zero."""
    if not 0 < value < float("inf"):
        raise BadInput(f"{name} must be a number above 0, got {value}")
