"""Everything that decides how a run goes on: save it and put it back, and nothing changes."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.runs.checkpoints import Checkpoint
from gpt.runs.processes import all_gather_bytes, rank
from gpt.runs.sharding import gather_full_tensor, shard_like


def ema_update(average: Float[Tensor, "*B"], value: Float[Tensor, "*B"], decay: float) -> None:
    """Move a running average towards a value, in place: average <- d average + (1 - d) value."""
    average.lerp_(value.detach(), 1 - decay)


class TrainingState:
    """Weights, their average, optimizer, loss scale, random numbers, and the steps done."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        ema: float,
        average: nn.Module | None = None,
    ) -> None:
        self.model, self.optimizer, self.scaler, self.ema = model, optimizer, scaler, ema
        self.average = average
        self.step = 0
        self.best_loss, self.best_step, self.validations_since_best = math.inf, 0, 0

    def advance(self) -> None:
        """Count a step and let the average follow the weights."""
        self.step += 1
        if self.average is not None:
            pairs = zip(self.average.parameters(), self.model.parameters(), strict=True)
            for average, parameter in pairs:
                ema_update(average.data, parameter, self.ema)

    def averaged_model(self) -> nn.Module:
        """The model to judge: the average where one is kept."""
        return self.model if self.average is None else self.average

    def judge(self, validation: float) -> None:
        """Note whether this step is the best so far."""
        if validation < self.best_loss:
            self.best_loss, self.best_step = validation, self.step
            self.validations_since_best = 0
        else:
            self.validations_since_best += 1

    def out_of_patience(self, patience: int) -> bool:
        """Whether the last `patience` validations brought no new best."""
        return 0 < patience <= self.validations_since_best

    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    def snapshot(self) -> Checkpoint:
        """Everything as named tensors and plain values; `model.` is what a reader wants.

        It is the same whether one process holds the weights or many; all must ask for it.
        """
        tensors = add_prefix("model", trainable_state(self.averaged_model()))
        if self.average is not None:
            tensors |= add_prefix("raw", trainable_state(self.model))
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= add_prefix(f"optimizer.{index}", moments)
        tensors = {name: gather_full_tensor(tensor) for name, tensor in tensors.items()}
        tensors |= add_prefix("random", random_states(self.device()))
        values: dict[str, Any] = {name: getattr(self, name) for name in COUNTERS}
        return Checkpoint(tensors, values | {"scaler": self.scaler.state_dict()})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to a snapshot.

        Raises:
            BadInput: it is of a model of another shape.
        """
        tensors, values = checkpoint
        if self.average is None:
            load_weights(self.model, select_prefix(tensors, "model"))
        else:
            load_weights(self.average, select_prefix(tensors, "model"))
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
        set_random_states(select_prefix(tensors, "random"), self.device())


COUNTERS = ("step", "best_loss", "best_step", "validations_since_best")


def random_states(device: torch.device) -> dict[str, Tensor]:
    """The state of torch's global generators: the CPU's, and the one that dropout draws from.

    A row for each process, since each draws numbers of its own.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return {name: all_gather_bytes(state) for name, state in states.items()}


def set_random_states(states: dict[str, Tensor], device: torch.device) -> None:
    """Put back what `random_states` read; on another device, or in more processes, draw anew."""
    # copied, since torch 2.15 reads a view from the start of the storage below it
    mine = {name: rows[rank()].clone() for name, rows in states.items() if rank() < len(rows)}
    if "cpu" in mine:
        torch.set_rng_state(mine["cpu"])
    if device.type == "cuda" and "cuda" in mine:
        torch.cuda.set_rng_state(mine["cuda"], device)
    if device.type == "mps" and "mps" in mine:
        torch.mps.set_rng_state(mine["mps"])


def add_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under `prefix.`."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def select_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under `prefix.`, without it."""
    return {
        name.removeprefix(f"{prefix}."): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{prefix}.")
    }


def trainable_state(model: nn.Module) -> dict[str, Tensor]:
    """The state of a model without its frozen weights, which stay as they were made."""
    named_weights = model.named_parameters(remove_duplicate=False)  # parts may share them
    frozen = {name for name, each in named_weights if not each.requires_grad}
    return {name: each for name, each in model.state_dict().items() if name not in frozen}


def load_weights(model: nn.Module, weights: dict[str, Tensor], assign: bool = False) -> None:
    """Put weights into a model: copied, or taken over as they are; frozen ones are not touched.

    Raises:
        BadInput: a weight is missing, unknown, or of another shape; nothing was changed.
    """
    own = trainable_state(model)
    wanted = {name: tuple(value.shape) for name, value in own.items()}
    given = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(wanted.keys() | given.keys()):
        if wanted.get(name) != given.get(name):
            raise BadInput(
                f"the checkpoint is of another model: {name} has shape {given.get(name)}, "
                f"and this model wants {wanted.get(name)}"
            )
    weights = {name: shard_like(value, own[name]) for name, value in weights.items()}
    model.load_state_dict(weights, assign=assign, strict=False)  # all that is learned is there
