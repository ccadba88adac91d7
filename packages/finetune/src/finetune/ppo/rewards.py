"""What each token of an answer is paid: a cost for leaving the reference, and the score at the end.

    reward_t = -beta k_t                 for every token of the answer
    reward_last = -beta k_last + score   for its last: the stop token, where there is one

(Ziegler et al. 2019, eq. 2, cut into tokens; k_t is a per-token estimate of the KL, k1 there.) The
score of a whole answer stands on one token and GAE carries it back. That token is the last one that
the policy chose: padding is nobody's choice, so a reward there teaches nothing.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gpt.errors import BadInput


def token_rewards(
    kl: Float[Tensor, "B U"], scores: Float[Tensor, " B"], mask: Bool[Tensor, "B U"], beta: float
) -> Float[Tensor, "B U"]:
    """The reward of every token; 0 on padding."""
    cost = -beta * kl.masked_fill(~mask, 0.0)
    return torch.where(last_tokens(mask), cost + scores[:, None], cost)


def last_tokens(mask: Bool[Tensor, "B U"]) -> Bool[Tensor, "B U"]:
    """True on the last token of each answer and nowhere else.

    Raises:
        BadInput: a row has no answer, or one that does not begin at its first position or has gaps.
    """
    follows = torch.nn.functional.pad(mask[:, 1:], (0, 1), value=False)
    last = mask & ~follows
    whole = mask[:, 0] & (last.sum(1) == 1)
    if not whole.all():
        row = int(whole.int().argmin())
        kept = mask[row].int().tolist()
        raise BadInput(f"row {row} must be an answer and then padding, its mask is {kept}")
    return last


def penalise_missing_stop(
    scores: Float[Tensor, " B"], stopped: Bool[Tensor, " B"], penalty: float
) -> Float[Tensor, " B"]:
    """Less for an answer that was cut off: the stop token is learned only where it pays.

    The scorer has learned from finished answers, so on others its number means little. As trl's
    `missing_eos_penalty`; Huang et al. (2024, "The N+ implementation details of RLHF with PPO", the
    EOS trick) put -1 in place of the score.

    Raises:
        BadInput: the penalty is negative, which would pay for never stopping.
    """
    if not 0 <= penalty < float("inf"):
        raise BadInput(f"penalty must be a number from 0 up, got {penalty}")
    return torch.where(stopped, scores, scores - penalty)
