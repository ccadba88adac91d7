r"""Losses of the GRPO family: siblings that differ in two choices.

First, how far the ratio of the new to the old policy may weight a token:

    GRPO    min(r A, clip(r, 1 - low, 1 + high) A)    r = pi(y_t) / pi_old(y_t), of the token
    GSPO    the same with s, the geometric mean of r over the tokens of the answer
    CISPO   min(r, high) A log pi(y_t), where min(r, high) is a constant weight

Second, the length that the sum over the tokens of an answer is divided by. The loss is then the
mean over all answers of the update:

    own       length of the answer: a token of a long answer counts less than one of a short answer
    longest   max_new_tokens, a constant: every token counts the same in all rollouts
    mean      mean length over the answers of the rollout: every token of a rollout counts the same

GRPO: Shao et al. 2024, eq. 3. Dr. GRPO: Liu et al. 2025, section 3.2, to be used with advantages
that are not divided by a standard deviation. DAPO: Yu et al. 2025, eq. 8, with a wider upper clip.
GSPO: Zheng et al. 2025, eqs. 5 and 7. CISPO: MiniMax 2025, "MiniMax-M1", eqs. 4 and 5. BNPO, which
divides by the tokens of each minibatch, is not here: with one minibatch per rollout it is DAPO.

Rows are B answers, padded to A tokens, and masks are True on the answer. Padding is ignored.
"""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor

from gpt.policy.kl import k3, log_ratio


class TokenLosses(NamedTuple):
    """The loss of each token; 0 on padding."""

    loss: Float[Tensor, "B A"]
    clipped: Bool[Tensor, "B A"]
    """Tokens whose ratio is outside the limits, so that they get no gradient (CISPO: a smaller
    one)."""


def grpo_token_losses(
    logprobs: Float[Tensor, "B A"],
    old_logprobs: Float[Tensor, "B A"],
    advantages: Float[Tensor, " B"],
    mask: Bool[Tensor, "B A"],
    epsilon_low: float = 0.2,
    epsilon_high: float = 0.2,
) -> TokenLosses:
    """Return -min(r A, clip(r, 1 - low, 1 + high) A), PPO's loss (Shao et al. 2024, eq. 3)."""
    ratio = log_ratio(logprobs, old_logprobs, mask).exp()
    return clipped_losses(ratio, advantages, mask, epsilon_low, epsilon_high)


def gspo_token_losses(
    logprobs: Float[Tensor, "B A"],
    old_logprobs: Float[Tensor, "B A"],
    advantages: Float[Tensor, " B"],
    mask: Bool[Tensor, "B A"],
    epsilon_low: float = 3e-4,
    epsilon_high: float = 4e-4,
) -> TokenLosses:
    """Return GRPO's loss with one ratio per answer (Zheng et al. 2025, eqs. 5 and 7).

    s = exp(mean over t of log r_t)

    A mean over many tokens moves less than a single ratio, so its limits are narrower.
    """
    means = log_ratio(logprobs, old_logprobs, mask).sum(dim=1) / own_lengths(mask)
    ratio = means.exp()[:, None].expand(mask.shape)
    return clipped_losses(ratio, advantages, mask, epsilon_low, epsilon_high)


def cispo_token_losses(
    logprobs: Float[Tensor, "B A"],
    old_logprobs: Float[Tensor, "B A"],
    advantages: Float[Tensor, " B"],
    mask: Bool[Tensor, "B A"],
    epsilon_low: float = 0.0,
    epsilon_high: float = 5.0,
) -> TokenLosses:
    """Return -min(r, high) A log pi(y_t), where min(r, high) is constant (MiniMax 2025, eqs. 4, 5).

    The limit is the largest weight itself and not, as in the others, its distance from 1: 0.2 would
    shrink every gradient to a fifth. No token loses its gradient, and there is no lower limit, so
    `epsilon_low` is not used.
    """
    ratio = log_ratio(logprobs, old_logprobs, mask).exp().detach()
    weights = ratio.clamp(max=epsilon_high)
    loss = -weights * advantages[:, None] * logprobs.masked_fill(~mask, 0.0)
    return TokenLosses(loss, (ratio > epsilon_high) & mask)


def clipped_losses(
    ratio: Float[Tensor, "B A"],
    advantages: Float[Tensor, " B"],
    mask: Bool[Tensor, "B A"],
    epsilon_low: float,
    epsilon_high: float,
) -> TokenLosses:
    """Return -min(ratio A, clip(ratio, 1 - low, 1 + high) A), and where the clip takes effect."""
    unclipped = ratio * advantages[:, None]
    clipped = ratio.clamp(1 - epsilon_low, 1 + epsilon_high) * advantages[:, None]
    loss = -unclipped.minimum(clipped).masked_fill(~mask, 0.0)
    return TokenLosses(loss, (clipped < unclipped) & mask)


def kl_token_losses(
    logprobs: Float[Tensor, "B A"],
    old_logprobs: Float[Tensor, "B A"],
    reference_logprobs: Float[Tensor, "B A"],
    mask: Bool[Tensor, "B A"],
) -> Float[Tensor, "B A"]:
    """Return r k3: the estimated KL of each token from the reference, times the token's ratio.

    With d = log pi(y_t) - log pi_ref(y_t), k3 = exp(-d) - 1 + d. At r = 1 the value is that of k3,
    but the gradient is d grad log pi(y_t), whose mean is the gradient of the KL. That of k3 without
    the ratio is (1 - exp(-d)) grad log pi(y_t), whose mean is not.

    GSPO also uses the ratio of each token here. trl 1.16 multiplies the KL of each token by the
    ratio of the whole answer, which adds a gradient that does not belong to that token.
    """
    ratio = log_ratio(logprobs, old_logprobs, mask).exp()
    return ratio * k3(logprobs, reference_logprobs, mask)


def own_lengths(mask: Bool[Tensor, "B A"]) -> Float[Tensor, " B"]:
    """Return the number of tokens of each answer."""
    return mask.sum(dim=1).float()


def longest_lengths(mask: Bool[Tensor, "B A"], max_new_tokens: int) -> Float[Tensor, " B"]:
    """Return the largest number of tokens that an answer may have, once per answer."""
    return own_lengths(mask).new_full((len(mask),), max_new_tokens)


def mean_lengths(mask: Bool[Tensor, "B A"]) -> Float[Tensor, " B"]:
    """Return the mean number of tokens over all answers, once per answer."""
    lengths = own_lengths(mask)
    return lengths.mean().expand(len(mask))


class GroupLoss(NamedTuple):
    """A member of the family: its token loss, its divisors and its limits."""

    token_losses: Callable[..., TokenLosses]
    divisors: Callable[[Bool[Tensor, "B A"], int], Float[Tensor, " B"]]
    """Returns what to divide the sums over each answer's tokens by, from the mask of the
    whole rollout and max_new_tokens."""
    epsilon_low: float
    epsilon_high: float


GROUP_LOSSES = {
    "grpo": GroupLoss(grpo_token_losses, lambda mask, _: own_lengths(mask), 0.2, 0.2),
    "dr_grpo": GroupLoss(grpo_token_losses, longest_lengths, 0.2, 0.2),
    "dapo": GroupLoss(grpo_token_losses, lambda mask, _: mean_lengths(mask), 0.2, 0.28),
    "gspo": GroupLoss(gspo_token_losses, lambda mask, _: own_lengths(mask), 3e-4, 4e-4),
    "cispo": GroupLoss(cispo_token_losses, lambda mask, _: mean_lengths(mask), 0.0, 5.0),
}
"""The family by name, with the limits of its papers."""
