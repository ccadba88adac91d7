"""Training of a reward model: one step scores both answers of a batch of preference pairs."""

from collections.abc import Callable, Generator, Iterable
from pathlib import Path

from finetune.reward.loss import reward_loss
from finetune.reward.scorer import Scorer
from gpt.policy.rows import Rows
from gpt.runs.checkpoints import Checkpoint
from gpt.training.loop import LoopConfig, StepRecord, Training, Validation


def train_reward_model(
    scorer: Scorer,
    batches: Callable[[int], Iterable[Rows]],
    config: LoopConfig,
    validate: Validation | None = None,
    start: Checkpoint | None = None,
    folder: Path | None = None,
) -> Generator[StepRecord, None, None]:
    """Train a reward model in place on pairs and yield a record after every step.

    Arguments as in `gpt.training.loop.train`; `batches` returns the micro-batches of a step, each
    with the chosen answers above the rejected ones.
    """
    with Training(scorer, config, validate, start, folder) as training:
        for step in training.steps():
            for rows in training.micro_batches(batches(step)):
                training.backward(reward_loss(training.model, rows))
            yield training.update()
