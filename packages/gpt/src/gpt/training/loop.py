r"""The training loop: one for everything in this workspace that learns from batches.

For each step: add up the gradient over the micro-batches, clip it, set the rate, update the
weights. `train` is a generator, so whoever runs it decides what to print, plot or stop.

The loop knows nothing of text. A batch is a function of the step, the loss a function of the model
and a batch, so a resumed run needs only the step to go on exactly where it was. Nor does it know
how many processes there are: what it gets from the model and from the sums is the same in each.
"""

import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from gpt.errors import RunFailed
from gpt.runs.checkpoints import Checkpoint, save_checkpoint
from gpt.runs.passes import autocast, wrap_for_data_parallelism
from gpt.runs.processes import barrier, broadcast_from_rank_zero, rank
from gpt.runs.sharding import gather_full_tensor
from gpt.runs.state import TrainingState
from gpt.training.accumulation import LossFunction, accumulate_gradient
from gpt.training.config import LoopConfig
from gpt.training.optimizer import make_adamw, make_muon_and_adamw

__all__ = ["LoopConfig", "StepRecord", "train"]


@dataclass(frozen=True)
class StepRecord:
    """What happened in one step."""

    step: int
    """Steps done, counting this one."""
    loss: float
    """Mean training loss, before the update."""
    rate: float
    """Learning rate."""
    grad_norm: float
    """Length of the gradient before clipping."""
    validation: float | None = None
    """Validation loss after the update, on the steps that validate."""


def train(
    model: nn.Module,
    batches: Callable[[int], Iterable[Any]],
    loss: LossFunction,
    config: LoopConfig,
    validate: Callable[[nn.Module], float] | None = None,
    start: Checkpoint | None = None,
    folder: Path | None = None,
) -> Generator[StepRecord, None, None]:
    """Train `model` in place and yield a record after every step.

    From a checkpoint of the same run, it ends with the same weights to the bit (on a CPU, with the
    same threads and torch) as if it had never stopped. Closing the generator saves too, so whoever
    stops early loses no step. Under torchrun all processes must run it, and stop at the same step.

    Args:
        model: what is trained.
        batches: the micro-batches of a step; must depend on the step alone. With several processes
            those of this one: see `my_rows`.
        loss: the summed loss of a micro-batch.
        config: how to train.
        validate: the loss on data that is never trained on.
        start: the checkpoint to go on from.
        folder: where to save checkpoints.

    Raises:
        RunFailed: the loss or the gradient is no longer a finite number; nothing was updated by it.
    """
    forward, average = wrap_for_data_parallelism(model, config)
    optimizer = make_optimizer(model, config)
    device = next(model.parameters()).device.type
    scaler = torch.amp.GradScaler(device, enabled=config.precision == "fp16")
    state = TrainingState(model, optimizer, scaler, config.ema, average)
    if start is not None:
        state.restore(start)
    model.train()
    while state.step < config.steps and not state.out_of_patience(config.patience):
        rate = config.rate(state.step)
        done = update_weights(forward, state, batches(state.step), loss, config)
        state.advance()
        due = state.step % config.save_every == 0 or state.step == config.steps
        validation = (
            broadcast_from_rank_zero(validate(state.averaged_model())) if due and validate else None
        )
        if validation is not None:
            state.judge(validation)
        if due and folder:
            save_state(folder, state)
        try:
            yield StepRecord(state.step, done.loss, rate, done.grad_norm, validation)
        except GeneratorExit:
            if folder:
                save_state(folder, state)
            raise


def make_optimizer(model: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    """The optimizer that the config names, over the weights that are trained."""
    betas = (config.beta1, config.beta2)
    if config.optimizer == "adamw":
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return make_adamw(parameters, config.learning_rate, betas, config.weight_decay)
    return make_muon_and_adamw(
        model, config.muon_rate, config.momentum, config.learning_rate, betas, config.weight_decay
    )


def save_state(folder: Path, state: TrainingState) -> None:
    """Gather the state from all processes; the first writes it, the others wait."""
    snapshot = state.snapshot()
    if rank() == 0:
        save_checkpoint(folder, state.step, snapshot)
    barrier()


class UpdateResult(NamedTuple):
    """What one update saw."""

    loss: float
    grad_norm: float


def update_weights(
    forward: Any,
    state: TrainingState,
    pieces: Iterable[Any],
    loss: LossFunction,
    config: LoopConfig,
) -> UpdateResult:
    """Add up the gradient, clip it, take one step of the optimizer at the step's rates.

    Clipping scales a gradient longer than c to the length c    (Pascanu et al. 2013, algorithm 1).
    """
    parameters = [parameter for parameter in state.model.parameters() if parameter.requires_grad]
    with autocast(parameters[0].device.type, config.precision):
        mean = accumulate_gradient(forward, parameters, pieces, loss, state.scaler)
    state.scaler.unscale_(state.optimizer)
    norm = gather_full_tensor(nn.utils.clip_grad_norm_(parameters, config.clip)).item()
    # a scaler skips a step that overflowed in fp16 and lowers its factor; elsewhere that is the end
    rate = config.rate(state.step)
    if not math.isfinite(mean) or not (math.isfinite(norm) or state.scaler.is_enabled()):
        raise RunFailed(
            f"step {state.step + 1}: loss {mean}, gradient norm {norm} are not finite at "
            f"learning rate {rate:g}; start another run with a smaller learning rate"
        )
    for group in state.optimizer.param_groups:
        group["lr"] = config.share(state.step) * group["peak"]
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.optimizer.zero_grad()
    return UpdateResult(mean, norm)
