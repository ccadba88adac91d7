r"""The training loop of this workspace, for any model, batches and loss.

Each step adds up the gradient over the micro-batches, clips it, sets the learning rate and updates
the weights. `train` is a generator, so its caller decides what to print, plot or stop. Algorithms
with another training step (DPO, PPO) write the lines of `train` themselves, with `Training`.

The loop knows nothing about text. The batches depend only on the step, so the number of the step is
all that a resumed run needs to continue with the next batch.
"""

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gpt.errors import RunFailed
from gpt.runs.checkpoints import Checkpoint
from gpt.runs.parallel import autocast, gather_full_tensor, wrap_for_data_parallelism
from gpt.runs.state import TrainingState
from gpt.training.accumulation import GradientAccumulator, LossFunction, LossSum
from gpt.training.config import LoopConfig
from gpt.training.optimizer import make_optimizer

__all__ = ["LoopConfig", "StepRecord", "Training", "train"]

Validation = Callable[[nn.Module], float]
"""Returns the loss of a model on held-out data."""


@dataclass(frozen=True)
class StepRecord:
    """Measurements of one training step."""

    step: int
    """Steps done, including this one."""
    loss: float
    """Mean training loss, before the update."""
    rate: float
    """Learning rate of AdamW."""
    grad_norm: float
    """Norm of the gradient before clipping."""
    validation: float | None = None
    """Validation loss after the update, in the steps that validate."""


def train(
    model: nn.Module,
    batches: Callable[[int], Iterable[Any]],
    loss: LossFunction,
    config: LoopConfig,
    validate: Validation | None = None,
    start: Checkpoint | None = None,
    folder: Path | None = None,
) -> Generator[StepRecord, None, None]:
    """Train `model` in place and yield a record after every step.

    A run that is resumed from a checkpoint ends with the same weights to the bit as if it had never
    stopped (on a CPU, with the same threads and torch). Closing the generator saves a checkpoint,
    so stopping early loses no step. Under torchrun, all processes must call `train` and stop at the
    same step.

    Args:
        model: the model to train.
        batches: returns the micro-batches of a step, which must depend on the step only. With
            several processes, it returns those of this process: see `local_rows`.
        loss: returns the summed loss of a micro-batch.
        config: the hyperparameters.
        validate: returns the loss on held-out data.
        start: the checkpoint to resume from.
        folder: the folder to save checkpoints in.

    Raises:
        RunFailed: the loss or the gradient is not finite; the weights are those before the step.
    """
    with Training(model, config, validate, start, folder) as training:
        for step in training.steps():
            for batch in training.micro_batches(batches(step)):
                # adds up gradients and number of terms (`training/accumulation.py`)
                training.backward(loss(training.model, batch))
            yield training.update()  # divides, clips and updates: `update_weights` below


class Training(AbstractContextManager["Training"]):
    """Model, optimizer and step counter of a training loop, for any algorithm.

    As a context in a generator, it saves a checkpoint when the generator is closed early.
    """

    gradient: GradientAccumulator
    """Gradient of the current step."""

    def __init__(
        self,
        model: nn.Module,
        config: LoopConfig,
        validate: Validation | None = None,
        start: Checkpoint | None = None,
        folder: Path | None = None,
    ) -> None:
        self.config, self.validate, self.folder = config, validate, folder
        # the model that losses call: compiled, or wrapped for several processes
        self.model, ema_model = wrap_for_data_parallelism(model, config)
        self.device = next(model.parameters()).device.type
        scaler = torch.amp.GradScaler(self.device, enabled=config.precision == "fp16")
        optimizer = make_optimizer(model, config)
        self.state = TrainingState(model, optimizer, scaler, config.ema_decay, ema_model)
        if start is not None:
            self.state.restore(start)
        model.train()

    def steps(self) -> Iterator[int]:
        """Yield the number of each remaining step, from 0; end early when patience runs out."""
        state, config = self.state, self.config
        while state.step < config.steps:
            if 0 < config.patience <= state.validations_since_best:
                return
            yield state.step

    def micro_batches(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the micro-batches of a step.

        Between two of them, which is in the body of the caller's loop, matrix products are computed
        in the config's precision.
        """
        self.gradient = GradientAccumulator(self.model, self.state.scaler)
        with autocast(self.device, self.config.precision):
            yield from self.gradient.micro_batches(batches)

    def backward(self, loss: LossSum) -> None:
        """Add the gradient of a micro-batch's loss to that of the step."""
        self.gradient.backward(loss)

    def update(self) -> StepRecord:
        """Update the weights from the gradient; validate and save when due."""
        state, config = self.state, self.config
        rate = config.schedule_factor(state.step) * config.learning_rate
        loss, grad_norm = update_weights(state, self.gradient, config)
        state.advance()
        due = state.step % config.save_every == 0 or state.step == config.steps
        validation = None
        if due and self.validate is not None:
            validation = state.record_validation(self.validate(state.validated_model))
        if due and self.folder is not None:
            state.save(self.folder)
        return StepRecord(state.step, loss, rate, grad_norm, validation)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is GeneratorExit and self.folder is not None:
            self.state.save(self.folder)


def update_weights(
    state: TrainingState, gradient: GradientAccumulator, config: LoopConfig
) -> tuple[float, float]:
    """Clip the gradient and step the optimizer; return the mean loss and the gradient norm.

    A gradient whose norm exceeds c is scaled down to norm c (Pascanu et al. 2013, algorithm 1). The
    learning rate follows `training/config.py`. The optimizer, which also decays the matrices, is
    chosen in `training/optimizer.py`; its equations are in `training/adamw.py` and `muon.py`.
    """
    parameters = [parameter for parameter in state.model.parameters() if parameter.requires_grad]
    loss = gradient.finish(parameters)  # the mean: sums divided by the number of terms
    factor = config.schedule_factor(state.step)
    state.scaler.unscale_(state.optimizer)
    norm = gather_full_tensor(nn.utils.clip_grad_norm_(parameters, config.max_grad_norm)).item()
    # in fp16 the scaler skips a step whose gradient overflowed, and lowers its factor
    if not math.isfinite(loss) or not (math.isfinite(norm) or state.scaler.is_enabled()):
        raise RunFailed(
            f"step {state.step + 1}: loss {loss}, gradient norm {norm} are not finite at "
            f"learning rate {factor * config.learning_rate:g}; start another run with a smaller one"
        )
    for group in state.optimizer.param_groups:
        group["lr"] = factor * group["peak_lr"]
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.optimizer.zero_grad()
    return loss, norm
