r"""LoRA: train thin matrices beside some of the weights, and leave the weights as they are.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1:

y = W x + (alpha / r) B A x    (eq. 3)

A begins uniform in +-1/sqrt(in) and B at zero, so the model begins as it was. With alpha fixed, the
learning rate need not change with the rank. Departure from the paper: it draws A from a normal
distribution; the uniform one is that of the library `peft`.
"""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from finetune.lora.layer import LoraLinear
from finetune.lora.nf4 import Nf4Linear
from finetune.lora.projections import PROJECTION_NAMES, check_projection_names, select_projections
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.model.fast.few_rows import FastLinear
from gpt.model.gpt import GPT


@dataclass(frozen=True)
class LoraConfig:
    """Which parts of a model learn beside their weights, and in how many dimensions."""

    rank: int = 8
    """Rows of A and columns of B."""
    alpha: float = 16.0
    """The change is scaled by alpha / rank."""
    targets: tuple[str, ...] = ("all",)
    """Which maps get one, of q, k, v, o, gate, up and down; all are those that the model has."""
    dropout: float = 0.0
    """Share of the numbers zeroed on their way to A in training."""

    def __post_init__(self) -> None:
        """Refuse numbers and names without a meaning."""
        if self.rank < 1:
            raise BadInput(f"the rank of an adapter must be at least 1, got {self.rank}")
        if not 0 < self.alpha < math.inf:
            raise BadInput(f"alpha must be a positive number, got {self.alpha}")
        if not 0 <= self.dropout < 1:
            raise BadInput(f"dropout must lie in [0, 1), got {self.dropout}")
        check_projection_names(self.targets, PROJECTION_NAMES)

    @property
    def scale(self) -> float:
        """What B A is multiplied by."""
        return self.alpha / self.rank


def n_lora_parameters(shape: GPTConfig, config: LoraConfig) -> int:
    """How many numbers learn: r (in + out) for every part of every block."""
    parts = select_projections(shape, config.targets)
    widths = sum(part.n_inputs + part.n_outputs for part in parts)
    return shape.n_layers * config.rank * widths


def inject(model: GPT, config: LoraConfig, generator: torch.Generator | None = None) -> None:
    """Freeze the model and put adapters beside the parts that the config names, in place.

    The generator draws the A's, torch's global one where none is given. What else should learn,
    such as the row of a `Scorer`, can be unfrozen afterwards.

    Raises:
        BadInput: the model has adapters already, or lacks a part.
    """
    outputs: dict[str, list[slice]] = {}
    for part in select_projections(model.config, config.targets):
        outputs.setdefault(part.layer, []).append(part.outputs)
    refuse_nested_adapters(model)
    model.requires_grad_(False)
    for block in model.blocks:
        for name, each in outputs.items():
            base: Any = block.get_submodule(name)
            adapted = LoraLinear(base, each, config.rank, config.scale, config.dropout, generator)
            block.set_submodule(name, adapted.train(base.training))


def refuse_nested_adapters(model: nn.Module) -> None:
    """Adapters of adapters are not wanted."""
    if layers := lora_layers(model):
        raise BadInput(f"the model has adapters already, in {len(layers)} layers; merge them first")


def lora_layers(model: nn.Module) -> dict[str, LoraLinear]:
    """The layers with adapters, by name."""
    return {name: each for name, each in model.named_modules() if isinstance(each, LoraLinear)}


def lora_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Every A and every B."""
    return [each for layer in lora_layers(model).values() for each in (layer.a, layer.b)]


class ParameterCounts(NamedTuple):
    """How much of a model is trained."""

    trained: int
    total: int
    """Numbers in all, a base in four bits included."""
    n_layers: int
    """Layers with adapters."""

    def __str__(self) -> str:
        share = self.trained / self.total
        return f"{self.trained:,} trained of {self.total:,}, {share:.2%}, in {self.n_layers} layers"


def count_trainable(model: nn.Module) -> ParameterCounts:
    """Counts what is trained; a wrong name among the targets shows here."""
    sizes = [(each.numel(), each.requires_grad) for each in model.parameters()]
    four_bits = [each for each in model.modules() if isinstance(each, Nf4Linear)]
    stored = {id(each.codes): each.n_weights for each in four_bits}  # twins may share them
    total = sum(stored.values()) + sum(size for size, _ in sizes)
    return ParameterCounts(
        sum(size for size, learns in sizes if learns), total, len(lora_layers(model))
    )


@contextmanager
def disable_adapters(model: nn.Module) -> Iterator[None]:
    """Within, the model is what it was at first, to the bit: its own reference policy.

    Raises:
        BadInput: the adapters are merged, so the first weights are not there.
    """
    layers = [*lora_layers(model).values()]
    if any(layer.is_merged for layer in layers):
        raise BadInput("adapters that are merged cannot be disabled; unmerge them first")
    before = [layer.adds for layer in layers]
    for layer in layers:
        layer.adds = False
    try:
        yield
    finally:
        for layer, adds in zip(layers, before, strict=True):
            layer.adds = adds


@torch.no_grad()
def merge(model: nn.Module) -> None:
    """Add every s B A to its weight, in place: the same outputs at the price of the base alone.

    Raises:
        BadInput: a base is in four bits, which the sum would not fit.
    """
    for layer, weight in weights_to_change(model, is_merged=False):
        weight.add_(layer.change())
        layer.adds, layer.is_merged = False, True


@torch.no_grad()
def unmerge(model: nn.Module) -> None:
    """Take every s B A off again: the first weights, up to rounding."""
    for layer, weight in weights_to_change(model, is_merged=True):
        weight.sub_(layer.change())
        layer.adds, layer.is_merged = True, False


def weights_to_change(
    model: nn.Module, is_merged: bool
) -> list[tuple[LoraLinear, Float[Tensor, "N D"]]]:
    """The layers in this state with the weights that they hold."""
    layers = [layer for layer in lora_layers(model).values() if layer.is_merged == is_merged]
    if any(isinstance(layer.base, Nf4Linear) for layer in layers):
        raise BadInput("no adapter can be merged into four bits; `merged_copy` makes a new model")
    return [(layer, layer.base.weight) for layer in layers]


_Model = TypeVar("_Model", bound=GPT)


@torch.no_grad()
def merged_copy(model: _Model) -> _Model:
    """A copy with every s B A added and no adapters, whose parameters can all be trained.

    A layer in four bits that has an adapter becomes an ordinary one. Others stay as they are: their
    matrices are no parameters.
    """
    twin = copy.deepcopy(model)
    for name, layer in lora_layers(twin).items():
        weight = layer.base.weight if layer.is_merged else layer.base.weight + layer.change()
        plain = FastLinear(weight.shape[1], weight.shape[0], bias=False, device="meta")
        plain.weight = nn.Parameter(weight.to(layer.base.weight.dtype))
        plain.register_parameter("bias", layer.base.bias)
        twin.set_submodule(name, plain.train(layer.training))
    return twin.requires_grad_(True)
