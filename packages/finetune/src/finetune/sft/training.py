"""Supervised fine-tuning: one step trains on the answers of a batch of conversations.

Compare with `finetune.reward.training` and `finetune.dpo.training`, whose steps differ in the loss.
"""

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import torch

from gpt.policy.loss import sft_loss
from gpt.policy.policy import Policy, without_dropout
from gpt.policy.rows import Rows
from gpt.runs.checkpoints import Checkpoint
from gpt.training.accumulation import LossFunction
from gpt.training.loop import LoopConfig, StepRecord, Training, Validation


def train_sft(
    policy: Policy,
    batches: Callable[[int], Iterable[Rows]],
    config: LoopConfig,
    validate: Validation | None = None,
    start: Checkpoint | None = None,
    folder: Path | None = None,
) -> Generator[StepRecord, None, None]:
    """Train a policy in place on answers and yield a record after every step.

    Arguments as in `gpt.training.loop.train`; `batches` returns the micro-batches of a step.
    """
    with Training(policy, config, validate, start, folder) as training:
        for step in training.steps():
            for rows in training.micro_batches(batches(step)):
                training.backward(sft_loss(training.model, rows))
            yield training.update()


@torch.no_grad()
def validation_loss(loss: LossFunction, model: Any, batches: Iterable[Rows]) -> float:
    """Return the mean of a loss over held-out rows, without dropout."""
    with without_dropout(model):
        sums = [loss(model, rows) for rows in batches]
    return sum(float(part.total) for part in sums) / sum(part.terms for part in sums)
