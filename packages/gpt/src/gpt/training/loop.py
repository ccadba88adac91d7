r"""The training loop: one for everything in this workspace that learns from batches.

For each step: add up the gradient over the micro-batches, clip it, set the rate, update the
weights. `train` is a generator, so whoever runs it decides what to print, plot or stop.

The loop knows nothing of text. A batch is a function of the step, the loss a function of the model
and a batch, so a resumed run needs only the step to go on exactly where it was. Nor does it know
how many processes there are: what it gets from the model and from the sums is the same in each.
"""

import copy
import math
import shutil
import warnings
from collections.abc import Callable, Generator, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from gpt.errors import BadInput, RunFailed, check_seed
from gpt.training.accumulation import Loss, accumulate_gradient
from gpt.training.checkpoints import Checkpoint, save_checkpoint
from gpt.training.optimizer import adamw, muon_and_adamw
from gpt.training.processes import from_first, rank, wait
from gpt.training.schedule import warmup_cosine
from gpt.training.sharding import replicated, sharded, whole
from gpt.training.state import TrainingState


@dataclass(frozen=True)
class LoopConfig:
    """How to train, whatever the model."""

    steps: int = 1200
    """Updates of the weights; on the default text the trigram model is passed on the way."""
    learning_rate: float = 3e-3
    """Peak rate; small models bear more than large ones (GPT-3 Small: 6e-4)."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW for all weights, or Muon for the matrices inside the blocks and AdamW for the rest."""
    muon_rate: float = 0.02
    """Peak rate of Muon, whose step has a length of its own; about right for models of any size."""
    momentum: float = 0.95
    """Muon's memory of the gradient."""
    final_rate: float = 0.1
    """The last step's rate, as a share of the peak."""
    warmup: float = 0.05
    """Share of the steps in which the rate climbs to its peak."""
    beta1: float = 0.9
    """AdamW's memory of the gradient."""
    beta2: float = 0.95
    """AdamW's memory of its square; shorter than the usual .999, since runs are short."""
    weight_decay: float = 0.1
    """How much the matrices shrink, times the rate, each step."""
    clip: float = 1.0
    """Longest gradient; a longer one is scaled down to it."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Number format of the products; weights stay in fp32. The half formats pay on a GPU."""
    shard: bool = False
    """Under torchrun: slice the weights over the processes, where one cannot hold them all."""
    compile: bool = False
    """Compile the model first (torch.compile); pays off in runs of many minutes."""
    ema: float = 0.0
    """Keep an average of the weights with this decay and judge that one; 0 keeps none."""
    save_every: int = 200
    """Validate and save after every so many steps, and at the end."""
    patience: int = 0
    """Stop after so many validations in a row without a new best; 0 never stops early."""
    seed: int = 0
    """Decides the first weights, the batches and the dropout."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no run."""
        for name, low in {"steps": 1, "save_every": 1, "patience": 0}.items():
            if getattr(self, name) < low:
                raise BadInput(f"{name} must be at least {low}, got {getattr(self, name)}")
        check_seed(self.seed)
        for name in ("learning_rate", "muon_rate", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise BadInput(f"{name} must be a positive number, got {getattr(self, name)}")
        for name in ("final_rate", "warmup", "weight_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        for name in ("momentum", "beta1", "beta2", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise BadInput(f"{name} must lie in [0, 1), got {getattr(self, name)}")

    def share(self, step: int) -> float:
        """The share of its peak that every rate has in a step."""
        return warmup_cosine(
            step, self.steps, round(self.warmup * self.steps), 1.0, self.final_rate
        )

    def rate(self, step: int) -> float:
        """The learning rate of a step; Muon's is the same share of its own peak."""
        return self.share(step) * self.learning_rate


@dataclass(frozen=True)
class Record:
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
    loss: Loss,
    config: LoopConfig,
    validate: Callable[[nn.Module], float] | None = None,
    start: Checkpoint | None = None,
    folder: Path | None = None,
) -> Generator[Record, None, None]:
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
    forward, average = spread(model, config)
    optimizer = chosen_optimizer(model, config)
    device = next(model.parameters()).device.type
    scaler = torch.amp.GradScaler(device, enabled=config.precision == "fp16")
    state = TrainingState(model, optimizer, scaler, config.ema, average)
    if start is not None:
        state.restore(start)
    model.train()
    while state.step < config.steps and not state.out_of_patience(config.patience):
        rate = config.rate(state.step)
        done = update(forward, state, batches(state.step), loss, config)
        state.advance()
        due = state.step % config.save_every == 0 or state.step == config.steps
        validation = from_first(validate(state.averaged_model())) if due and validate else None
        if validation is not None:
            state.judge(validation)
        if due and folder:
            save(folder, state)
        try:
            yield Record(state.step, done.loss, rate, done.grad_norm, validation)
        except GeneratorExit:
            if folder:
                save(folder, state)
            raise


class Spread(NamedTuple):
    """One model over the processes."""

    forward: Any
    """What the passes run through."""
    average: nn.Module | None
    """The copy that follows the weights, where one is wanted."""


def spread(model: nn.Module, config: LoopConfig) -> Spread:
    """The model as each process runs it, with random numbers of its own for its rows' dropout."""
    if rank() > 0:
        torch.manual_seed(config.seed + rank())
    average = copy.deepcopy(model) if config.ema else None
    if config.shard and average is not None:
        sharded(average)
    forward = sharded(model) if config.shard else replicated(model)
    return Spread(compiled(forward) if config.compile else forward, average)


def chosen_optimizer(model: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    """The optimizer that the config names, over the weights that are trained."""
    betas = (config.beta1, config.beta2)
    if config.optimizer == "adamw":
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return adamw(parameters, config.learning_rate, betas, config.weight_decay)
    return muon_and_adamw(
        model, config.muon_rate, config.momentum, config.learning_rate, betas, config.weight_decay
    )


def save(folder: Path, state: TrainingState) -> None:
    """Gather the state from all processes; the first writes it, the others wait."""
    snapshot = state.snapshot()
    if rank() == 0:
        save_checkpoint(folder, state.step, snapshot)
    wait()


class Update(NamedTuple):
    """What one update saw."""

    loss: float
    grad_norm: float


def update(
    forward: Any,
    state: TrainingState,
    pieces: Iterable[Any],
    loss: Loss,
    config: LoopConfig,
) -> Update:
    """Add up the gradient, clip it, take one step of the optimizer at the step's rates.

    Clipping scales a gradient longer than c to the length c    (Pascanu et al. 2013, algorithm 1).
    """
    parameters = [parameter for parameter in state.model.parameters() if parameter.requires_grad]
    with autocast(parameters[0].device.type, config.precision):
        mean = accumulate_gradient(forward, parameters, pieces, loss, state.scaler)
    state.scaler.unscale_(state.optimizer)
    norm = whole(nn.utils.clip_grad_norm_(parameters, config.clip)).item()
    # a scaler skips a step that overflowed in fp16 and lowers its factor; elsewhere that is the end
    rate = config.rate(state.step)
    if not math.isfinite(mean) or not (math.isfinite(norm) or state.scaler.is_enabled()):
        raise RunFailed(
            f"step {state.step + 1}: loss {mean}, gradient norm {norm} are not finite at "
            f"learning rate {rate:g}; checkpoints are unharmed, try a smaller learning rate"
        )
    for group in state.optimizer.param_groups:
        group["lr"] = config.share(state.step) * group["peak"]
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.optimizer.zero_grad()
    return Update(mean, norm)


def autocast(device: str, precision: str) -> Any:
    """Run products in a half format where one is asked for."""
    formats = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if precision == "fp32":
        return nullcontext()
    # no cache of cast weights: sharded ones are other tensors in the next micro-batch
    return torch.autocast(device, dtype=formats[precision], cache_enabled=False)


def compiled(model: nn.Module) -> Any:
    """The model compiled, or as it is, with a warning, where this machine has no compiler."""
    if not any(map(shutil.which, ("c++", "g++", "clang++", "cl"))):
        warnings.warn("no C++ compiler found; training without torch.compile", stacklevel=2)
        return model
    return torch.compile(model)
