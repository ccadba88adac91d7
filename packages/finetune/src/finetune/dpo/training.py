"""Training on preference pairs: one step compares the policy with its reference.

Both models are scored without dropout. Dropout would change the policy but not the reference, so
their margins would differ by noise before anything is learned, and the first loss would not be
ln 2.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from finetune.dpo.losses import dpo_loss
from finetune.dpo.margins import (
    PairMetrics,
    Reduction,
    answer_logprob,
    implicit_reward,
    margin,
    mean_pair_metrics,
    pair_metrics,
    sum_logprob,
)
from gpt.errors import BadInput
from gpt.policy.policy import Policy, without_dropout
from gpt.policy.rows import Rows
from gpt.runs.checkpoints import Checkpoint
from gpt.runs.processes import all_reduce
from gpt.training.accumulation import LossSum
from gpt.training.loop import LoopConfig, StepRecord, Training, Validation

MarginLoss = Callable[..., Float[Tensor, ""]]
"""Takes the margins of policy and reference, and beta; see `finetune.dpo.losses`."""


@dataclass(frozen=True, kw_only=True)
class PairRecord(StepRecord):
    """Measurements of one step on pairs; means over the pairs, before the update."""

    chosen_reward: float
    """Implicit reward of the chosen answer; 0 at the start."""
    rejected_reward: float
    """Implicit reward of the rejected answer."""
    accuracy: float
    """Share of the pairs whose chosen answer has the higher reward; a tie counts half."""
    chosen_logprob: float
    """log pi(y | x) of the chosen answer. It may fall while the loss falls too."""
    rejected_logprob: float
    """log pi(y | x) of the rejected answer."""


def train_dpo(
    policy: Policy,
    reference: Policy,
    batches: Callable[[int], Iterable[Rows]],
    config: LoopConfig,
    loss: MarginLoss = dpo_loss,
    beta: float = 0.1,
    reduction: Reduction = sum_logprob,
    validate: Validation | None = None,
    start: Checkpoint | None = None,
    folder: Path | None = None,
) -> Generator[PairRecord, None, None]:
    """Train a policy in place on pairs and yield a record after every step.

    loss = -log sigmoid(beta (policy margin - reference margin))    (`dpo_loss`)
    margin = log pi(chosen) - log pi(rejected)

    Args:
        policy: the model to train.
        reference: the model that it is kept close to, see `gpt.policy.policy.make_reference`.
        batches: returns the micro-batches of a step, the chosen answers above the rejected ones.
        config: the hyperparameters of the loop.
        loss: one of `finetune.dpo.losses`.
        beta: strength of the KL penalty.
        reduction: what a margin compares: log pi(y | x) itself (`sum_logprob`), or its mean per
            token (`mean_logprob`), for IPO as in TRL.
        validate: returns the loss on held-out pairs.
        start: the checkpoint to resume from.
        folder: the folder to save checkpoints in.

    Raises:
        BadInput: beta is not a positive number.
    """
    if not 0 < beta < float("inf"):
        raise BadInput(f"beta must be a positive number, got {beta}")
    with Training(policy, config, validate, start, folder) as training:
        for step in training.steps():
            metrics = []
            for rows in training.micro_batches(batches(step)):
                with torch.no_grad():
                    reference_logprobs = sequence_logprobs(reference, rows)
                logprobs = sequence_logprobs(training.model, rows)
                n_tokens = rows.mask[:, 1:].sum(dim=-1)
                policy_margin = margin(reduction(logprobs, n_tokens))
                reference_margin = margin(reduction(reference_logprobs, n_tokens))
                mean = loss(policy_margin, reference_margin, beta)
                n_pairs = len(policy_margin)  # the step divides by the pairs of all micro-batches
                training.backward(LossSum(n_pairs * mean, n_pairs))
                # under torchrun a process with fewer micro-batches repeats one, to no effect
                if training.gradient.is_counted:
                    rewards = implicit_reward(logprobs, reference_logprobs, beta)
                    metrics.append(pair_metrics(logprobs, rewards))
            yield pair_record(training.update(), metrics)


def sequence_logprobs(model: Any, rows: Rows) -> Float[Tensor, " N"]:
    """Return log pi(y | x) of each row's answer, summed over its tokens, without dropout."""
    with without_dropout(model):
        logprobs = model(rows.tokens, rows.mask)
    return answer_logprob(logprobs, rows.mask[:, 1:])


def pair_record(record: StepRecord, metrics: list[PairMetrics]) -> PairRecord:
    """Add to the record of a step the mean metrics of its pairs, over all processes."""
    own = mean_pair_metrics(metrics)._asdict()
    own_pairs = own.pop("n_pairs")
    del own["margin"]  # the difference of the two rewards
    n_pairs, *totals = all_reduce(own_pairs, *(own_pairs * mean for mean in own.values()))
    means: dict[str, Any] = {name: total / n_pairs for name, total in zip(own, totals, strict=True)}
    return PairRecord(**vars(record), **means)


@torch.no_grad()
def evaluate_pairs(
    policy: Any,
    reference: Policy,
    batches: Iterable[Rows],
    loss: MarginLoss = dpo_loss,
    beta: float = 0.1,
    reduction: Reduction = sum_logprob,
) -> tuple[float, PairMetrics]:
    """Return the mean loss and the metrics of held-out pairs."""
    total, metrics = 0.0, []
    for rows in batches:
        logprobs, reference_logprobs = (
            sequence_logprobs(model, rows) for model in (policy, reference)
        )
        n_tokens = rows.mask[:, 1:].sum(dim=-1)
        margins = (margin(reduction(each, n_tokens)) for each in (logprobs, reference_logprobs))
        total += len(rows.tokens) // 2 * loss(*margins, beta).item()
        rewards = implicit_reward(logprobs, reference_logprobs, beta)
        metrics.append(pair_metrics(logprobs, rewards))
    means = mean_pair_metrics(metrics)
    return total / means.n_pairs, means
