"""Reward of each token of an answer: a KL penalty per token, and the score on the last token.

    reward_t = -kl_coef k_t                 for every token of the answer
    reward_last = -kl_coef k_last + score   for its last token: the stop token, if there is one

(Ziegler et al. 2019, eq. 2, split over the tokens; k_t is a per-token estimate of the KL, k1 in
`ppo`. The coefficient is fixed, or adapted so that the KL meets a target.) GAE carries the score
back to earlier tokens. The last token is the last one that the policy chose: it does not choose
padding, so a reward there would teach nothing.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gpt.errors import BadInput


def token_rewards(
    kl: Float[Tensor, "B U"], scores: Float[Tensor, " B"], mask: Bool[Tensor, "B U"], kl_coef: float
) -> Float[Tensor, "B U"]:
    """Return the reward of every token; 0 on padding."""
    cost = -kl_coef * kl.masked_fill(~mask, 0.0)
    return torch.where(last_tokens(mask), cost + scores[:, None], cost)


def last_tokens(mask: Bool[Tensor, "B U"]) -> Bool[Tensor, "B U"]:
    """Mask of the last token of each answer.

    Raises:
        BadInput: a row has no answer, or its answer does not begin in column 0 or has gaps.
    """
    follows = torch.nn.functional.pad(mask[:, 1:], (0, 1), value=False)
    last = mask & ~follows
    whole = mask[:, 0] & (last.sum(1) == 1)
    if not whole.all():
        row = int(whole.int().argmin())
        kept = mask[row].int().tolist()
        raise BadInput(f"row {row} must be an answer and then padding, but its mask is {kept}")
    return last


def penalise_missing_stop(
    scores: Float[Tensor, " B"], stopped: Bool[Tensor, " B"], penalty: float
) -> Float[Tensor, " B"]:
    """Subtract a penalty from the score of each answer that was cut off, so that stopping pays.

    The reward model was trained on finished answers, so its scores of others are unreliable. Like
    trl's `missing_eos_penalty`; Huang et al. (2024, "The N+ implementation details of RLHF with
    PPO", the EOS trick) replace the score by -1.

    Raises:
        BadInput: the penalty is negative, which would reward answers that never stop.
    """
    if not 0 <= penalty < float("inf"):
        raise BadInput(f"penalty must be a number from 0 up, got {penalty}")
    return torch.where(stopped, scores, scores - penalty)


@dataclass(frozen=True)
class AdaptiveKLController:
    """A KL coefficient that grows while the KL is above its target and shrinks while it is below.

    kl_coef <- kl_coef (1 + K clip(KL / target_kl - 1, -0.2, 0.2))    (Ziegler et al. 2019, s. 2.2)

    The paper's K is 0.1. Here K = n / horizon for an update with n answers, so that the coefficient
    changes as fast in a run of small updates as in one of large updates.
    """

    kl_coef: float
    """Reward subtracted per nat of KL."""
    target_kl: float = 6.0
    """Target of the KL per answer, summed over its tokens, in nats."""
    horizon: int = 10_000
    """Answers until the coefficient has changed by a fifth, while the KL is off by 20 % or more."""

    def __post_init__(self) -> None:
        """Check that all three are positive numbers.

        Raises:
            BadInput: one of them is not.
        """
        for name, value in vars(self).items():
            if not 0 < value < float("inf"):
                raise BadInput(f"{name} must be a number above 0, got {value}")

    def updated(self, kl: float, n_answers: int) -> "AdaptiveKLController":
        """Return the controller of the next update, given the mean KL of this one's answers."""
        error = min(max(kl / self.target_kl - 1, -0.2), 0.2)
        return replace(self, kl_coef=self.kl_coef * (1 + error * n_answers / self.horizon))
