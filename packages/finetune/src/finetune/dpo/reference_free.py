r"""Preference without a reference model: the odds of ORPO, the margin of SimPO.

Both read an answer by its mean log-probability per token, p = exp(log pi(y | x) / |y|), so neither
prefers short answers for being short. With no reference nothing holds the policy near the place
where it began: ORPO adds the loss of supervised fine-tuning, SimPO relies on a small rate.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

ALMOST_SURE = -1e-6  # a log-probability; at 0 the odds are infinite and their slope is inf * 0


def log_odds(mean_logprob: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    r"""log(p / (1 - p)) = log p - log(1 - e^(log p))    (Hong et al. 2024, eq. 4)."""
    logprob = mean_logprob.clamp(max=ALMOST_SURE)
    return logprob - torch.log(-torch.expm1(logprob))


def odds_ratio_loss(
    chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"]
) -> Float[Tensor, ""]:
    r"""How much likelier than not the chosen answer is, against the same of the rejected one.

    loss = -log sigmoid(log(odds(chosen) / odds(rejected)))    (Hong et al. 2024, eq. 7)
    """
    return -F.logsigmoid(log_odds(chosen) - log_odds(rejected)).mean()


def orpo_loss(
    chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], weight: float = 0.1
) -> Float[Tensor, ""]:
    r"""Fine-tuning on the chosen answer, and a push away from the rejected one.

    loss = -mean log p(chosen) + lambda odds_ratio_loss    (Hong et al. 2024, eq. 6)

    Both arguments are means per token. Here the first term scores the answer; TRL's also scores the
    prompt before it, and averages over all tokens of the batch.
    """
    return -chosen.mean() + weight * odds_ratio_loss(chosen, rejected)


def simpo_loss(
    chosen: Float[Tensor, " B"],
    rejected: Float[Tensor, " B"],
    beta: float = 2.0,
    gamma: float = 1.0,
) -> Float[Tensor, ""]:
    r"""The chosen answer shall lead by gamma, in units of beta times the mean log-probability.

    loss = -log sigmoid(beta (chosen - rejected) - gamma)    (Meng et al. 2024, eq. 6)

    It is DPO of means per token, with a reference that prefers each chosen answer by gamma / beta.
    """
    return -F.logsigmoid(beta * (chosen - rejected) - gamma).mean()
