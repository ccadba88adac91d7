r"""How good a reward model is, from its scores of chosen and rejected answers alone.

Under Bradley and Terry (1952) a margin is a probability:

p(chosen is better) = sigmoid(chosen - rejected)

Accuracy asks whether the sign of the margin is right, the log-loss whether its size is. A model
that knows nothing has accuracy 1/2 and log-loss ln 2; a sure and wrong one has a far larger loss.
Only margins mean anything: a number added to both scores of a pair changes nothing.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from finetune.evaluation.intervals import Interval, wilson_interval
from gpt.errors import BadInput

CHANCE_LOG_LOSS = float(np.log(2))
"""The log-loss of probability 1/2 for every pair, in nats."""


class RewardScores(NamedTuple):
    """What the margins of held-out pairs say."""

    accuracy: Interval
    """Share of pairs ranked right, ties one half, with Wilson's interval."""
    share_above_0: float
    """Share with a positive margin: a tie counts as wrong, as in the accuracy of trl 1.16."""
    margin: float
    """Mean of chosen - rejected."""
    log_loss: float
    """Mean surprise in nats; compare with KNOWS_NOTHING."""


def reward_scores(
    chosen: Float[np.ndarray, " N"], rejected: Float[np.ndarray, " N"]
) -> RewardScores:
    """All of it, from two scores a pair."""
    margins = chosen - rejected
    if not len(margins) or not np.isfinite(margins).all():
        raise BadInput(f"reward scores need finite margins, at least one, got {margins}")
    return RewardScores(
        accuracy=wilson_interval(float(pair_accuracy(margins).mean()), len(margins)),
        share_above_0=float((margins > 0).mean()),
        margin=float(margins.mean()),
        log_loss=float(log_losses(margins).mean()),
    )


def pair_accuracy(margins: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """1 where the chosen answer scores higher, 1/2 where both score the same."""
    return (1 + np.sign(margins)) / 2


def log_losses(margins: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """-ln sigmoid(margin) = ln(1 + e^-margin), without overflow."""
    return np.logaddexp(0, -margins)
