r"""Quality of a reward model, from its margins between chosen and rejected answers.

In the model of Bradley and Terry (1952) a margin gives a probability:

p(chosen is better) = sigmoid(chosen - rejected)

Accuracy measures the sign of the margins, log-loss also their size. A model that always answers 1/2
has accuracy 1/2 and log-loss ln 2; a confident and wrong model has a much larger loss. Only margins
have a meaning: adding a number to both scores of a pair changes nothing.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gpt.errors import BadInput
from gpt.evaluation.intervals import Interval, wilson_interval

CHANCE_LOG_LOSS = float(np.log(2))
"""The log-loss of probability 1/2 for every pair, in nats."""


class RewardScores(NamedTuple):
    """Accuracy, margin and log-loss on held-out pairs."""

    accuracy: Interval
    """Share of pairs ranked right, ties one half, with Wilson's interval."""
    share_above_0: float
    """Share of positive margins: ties count as wrong, as in the accuracy of trl 1.16."""
    margin: float
    """Mean of chosen - rejected."""
    log_loss: float
    """Mean -ln p of the chosen answer, in nats; compare with CHANCE_LOG_LOSS."""


def reward_scores(
    chosen: Float[np.ndarray, " N"], rejected: Float[np.ndarray, " N"]
) -> RewardScores:
    """Compute all measures from the two scores of each pair."""
    margins = chosen - rejected
    if not len(margins) or not np.isfinite(margins).all():
        raise BadInput(f"reward scores need finite margins, at least one, got {margins}")
    return RewardScores(
        accuracy=wilson_interval(float(pair_accuracy(margins).mean()), len(margins)),
        share_above_0=float((margins > 0).mean()),
        margin=float(margins.mean()),
        log_loss=float(np.logaddexp(0, -margins).mean()),  # -ln sigmoid(margin), without overflow
    )


def pair_accuracy(margins: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """Return 1 where the chosen answer scores higher, 1/2 where scores are equal, else 0."""
    return (1 + np.sign(margins)) / 2
