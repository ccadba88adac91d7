"""Complete state of a training run, from which it resumes exactly."""

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.runs.checkpoints import Checkpoint, save_checkpoint
from gpt.runs.parallel import gather_full_tensor, shard_like
from gpt.runs.processes import all_gather_bytes, all_reduce, barrier, rank


class TrainingState:
    """Weights, their running average, optimizer, loss scaler, random numbers and step counters."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        ema: float,
        ema_model: nn.Module | None = None,
    ) -> None:
        self.model, self.optimizer, self.scaler, self.ema = model, optimizer, scaler, ema
        self.ema_model = ema_model
        self.validated_model = model if ema_model is None else ema_model
        self.device = next(model.parameters()).device
        self.step = 0
        self.best_loss, self.best_step, self.validations_since_best = math.inf, 0, 0

    def advance(self) -> None:
        """Count a step, and update the average of the weights if one is kept."""
        self.step += 1
        if self.ema_model is not None:
            decay = warm_up_decay(self.ema, self.step)
            pairs = zip(self.ema_model.parameters(), self.model.parameters(), strict=True)
            for average, parameter in pairs:
                average.data.lerp_(parameter.detach(), 1 - decay)  # d average + (1 - d) weight

    def record_validation(self, loss: float) -> float:
        """Record whether this step has the lowest validation loss; return that of process 0."""
        (validation,) = all_reduce(loss if rank() == 0 else 0.0)
        if validation < self.best_loss:
            self.best_loss, self.best_step = validation, self.step
            self.validations_since_best = 0
        else:
            self.validations_since_best += 1
        return validation

    def save(self, folder: Path) -> None:
        """Write a checkpoint: all processes gather the state, and process 0 writes it."""
        snapshot = self.snapshot()
        if rank() == 0:
            save_checkpoint(folder, self.step, snapshot)
        barrier()

    def snapshot(self) -> Checkpoint:
        """Return the state as named tensors and plain values; all processes must call this.

        `model.*` are the weights to use. If an average of the weights is kept, it is `model.*`, and
        `raw.*` are the weights that are trained. Only the random numbers depend on the number of
        processes.
        """
        groups = {"model": trainable_state(self.validated_model)}
        if self.ema_model is not None:
            groups["raw"] = trainable_state(self.model)
        for index, moments in self.optimizer.state_dict()["state"].items():
            groups[f"optimizer.{index}"] = moments
        tensors = {
            f"{prefix}.{name}": gather_full_tensor(tensor)
            for prefix, group in groups.items()
            for name, tensor in group.items()
        }
        for name, rows in random_states(self.device).items():
            tensors[f"random.{name}"] = rows
        values: dict[str, Any] = {name: getattr(self, name) for name in COUNTERS}
        return Checkpoint(tensors, values | {"scaler": self.scaler.state_dict()})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore a snapshot.

        Raises:
            BadInput: the snapshot is of a model with other shapes.
        """
        tensors, values = checkpoint
        load_weights(self.validated_model, select_prefix(tensors, "model"))
        if self.ema_model is not None:
            load_weights(self.model, select_prefix(tensors, "raw"))
        moments: dict[int, dict[str, Tensor]] = {}
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for name, tensor in select_prefix(tensors, "optimizer").items():
            index, key = name.split(".", 1)
            moments.setdefault(int(index), {})[key] = shard_like(tensor, parameters[int(index)])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.scaler.load_state_dict(values["scaler"])
        for name in COUNTERS:
            setattr(self, name, values[name])
        set_random_states(select_prefix(tensors, "random"), self.device)


def warm_up_decay(decay: float, step: int) -> float:
    """Return the decay of a running average at a step, counted from 1.

    d_n = min(d, (1 + n) / (10 + n))

    An average with a decay of 0.9999 would still be mostly the first, random weights after some
    thousand steps. This one covers about the last tenth of the steps so far until it reaches d.
    """
    return min(decay, (1 + step) / (10 + step))


COUNTERS = ("step", "best_loss", "best_step", "validations_since_best")


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's global generators, on the CPU and on the device.

    Each has one row per process, because each process draws its own numbers.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return {name: all_gather_bytes(state) for name, state in states.items()}


def set_random_states(states: dict[str, Tensor], device: torch.device) -> None:
    """Restore the rows of this process; without one (another device, more processes) do nothing."""
    # copied, because torch 2.15 reads a view from the start of its storage
    mine = {name: rows[rank()].clone() for name, rows in states.items() if rank() < len(rows)}
    if "cpu" in mine:
        torch.set_rng_state(mine["cpu"])
    if device.type == "cuda" and "cuda" in mine:
        torch.cuda.set_rng_state(mine["cuda"], device)
    if device.type == "mps" and "mps" in mine:
        torch.mps.set_rng_state(mine["mps"])


def select_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix.`, without this prefix."""
    return {
        name.removeprefix(f"{prefix}."): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{prefix}.")
    }


def trainable_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the state of a model without its frozen weights, which training does not change."""
    named_weights = model.named_parameters(remove_duplicate=False)  # layers may share them
    frozen = {name for name, each in named_weights if not each.requires_grad}
    return {name: each for name, each in model.state_dict().items() if name not in frozen}


def load_weights(model: nn.Module, weights: dict[str, Tensor], assign: bool = False) -> None:
    """Load the weights of a model, except frozen ones; `assign` uses the tensors without a copy.

    Raises:
        BadInput: a weight is missing, unknown, or has another shape; nothing was changed.
    """
    own = trainable_state(model)
    expected = {name: tuple(value.shape) for name, value in own.items()}
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if expected.get(name) != shapes.get(name):
            raise BadInput(
                f"the checkpoint is of another model: {name} has shape {shapes.get(name)}, "
                f"and this model needs {expected.get(name)}"
            )
    weights = {name: shard_like(value, own[name]) for name, value in weights.items()}
    model.load_state_dict(weights, assign=assign, strict=False)  # frozen weights are missing
