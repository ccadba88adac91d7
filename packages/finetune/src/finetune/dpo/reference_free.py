r"""Preference losses without a reference model: the odds of ORPO, the margin of SimPO.

Both use the mean log-probability of an answer per token, p = exp(log pi(y | x) / |y|), so neither
prefers short answers. Without a reference, no penalty keeps the policy near its starting point:
ORPO adds the loss of supervised fine-tuning, and SimPO relies on a small learning rate.
"""

from collections.abc import Callable, Generator, Iterable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from finetune.dpo.margins import mean_logprob, pair_metrics, split_chosen_rejected
from finetune.dpo.training import PairRecord, pair_record, sequence_logprobs
from gpt.policy.policy import Policy
from gpt.policy.rows import Rows
from gpt.training.accumulation import LossSum
from gpt.training.loop import LoopConfig, Training

ALMOST_SURE = -1e-6  # a log-probability; at 0 the odds are infinite and their slope is inf * 0


def log_odds(mean_logprob: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    r"""log(p / (1 - p)) = log p - log(1 - e^(log p))    (Hong et al. 2024, eq. 4)."""
    logprob = mean_logprob.clamp(max=ALMOST_SURE)
    return logprob - torch.log(-torch.expm1(logprob))


def odds_ratio_loss(
    chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"]
) -> Float[Tensor, ""]:
    r"""Negative log-sigmoid of the log odds ratio between chosen and rejected answer.

    loss = -log sigmoid(log(odds(chosen) / odds(rejected)))    (Hong et al. 2024, eq. 7)
    """
    return -F.logsigmoid(log_odds(chosen) - log_odds(rejected)).mean()


def orpo_loss(
    chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], weight: float = 0.1
) -> Float[Tensor, ""]:
    r"""Fine-tune on the chosen answer and push the rejected one away.

    loss = -mean log p(chosen) + lambda odds_ratio_loss    (Hong et al. 2024, eq. 6)

    Both arguments are means per token. Here the first term covers the answer only; TRL's also
    covers the prompt, and averages over all tokens of the batch.
    """
    return -chosen.mean() + weight * odds_ratio_loss(chosen, rejected)


def simpo_loss(
    chosen: Float[Tensor, " B"],
    rejected: Float[Tensor, " B"],
    beta: float = 2.0,
    gamma: float = 1.0,
) -> Float[Tensor, ""]:
    r"""Require the chosen answer to lead by gamma, in units of beta times the mean log-probability.

    loss = -log sigmoid(beta (chosen - rejected) - gamma)    (Meng et al. 2024, eq. 6)

    This is DPO of means per token, with a reference that prefers chosen answers by gamma / beta.
    """
    return -F.logsigmoid(beta * (chosen - rejected) - gamma).mean()


def train_reference_free(
    policy: Policy,
    batches: Callable[[int], Iterable[Rows]],
    config: LoopConfig,
    loss: Callable[..., Float[Tensor, ""]] = simpo_loss,
) -> Generator[PairRecord, None, None]:
    """Train a policy in place with ORPO or SimPO; compare with `finetune.dpo.training.train_dpo`.

    The rewards of the records are the mean log-probabilities themselves.
    """
    with Training(policy, config) as training:
        for step in training.steps():
            metrics = []
            for rows in training.micro_batches(batches(step)):
                logprobs = sequence_logprobs(training.model, rows)
                means = mean_logprob(logprobs, rows.mask[:, 1:].sum(dim=-1))
                n_pairs = len(means) // 2
                mean = loss(*split_chosen_rejected(means))
                training.backward(LossSum(n_pairs * mean, n_pairs))
                if training.gradient.is_counted:  # not a repetition, see `train_dpo`
                    metrics.append(pair_metrics(logprobs, means))
            yield pair_record(training.update(), metrics)
