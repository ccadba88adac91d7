r"""Add LoRA adapters to a model: freeze it and replace chosen layers.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1. The update is
scaled by alpha / r, so that with alpha fixed the learning rate need not change with the rank.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from finetune.lora.fast import FusedLora, can_fuse
from finetune.lora.nf4 import Nf4Linear
from finetune.lora.projections import (
    PROJECTION_NAMES,
    LoraProjections,
    check_projection_names,
    select_projections,
)
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT


@dataclass(frozen=True)
class LoraConfig:
    """Projections to adapt, and the rank, scale and dropout of their adapters."""

    rank: int = 8
    """Rows of A and columns of B."""
    alpha: float = 16.0
    """The update is scaled by alpha / rank."""
    targets: tuple[str, ...] = ("all",)
    """Projections to adapt: q, k, v, o, gate, up, down, or all that the model has."""
    dropout: float = 0.0
    """Probability of zeroing an input of A during training."""

    def __post_init__(self) -> None:
        """Check ranges and names."""
        if self.rank < 1:
            raise BadInput(f"the rank of an adapter must be at least 1, got {self.rank}")
        if not 0 < self.alpha < math.inf:
            raise BadInput(f"alpha must be a positive number, got {self.alpha}")
        if not 0 <= self.dropout < 1:
            raise BadInput(f"dropout must lie in [0, 1), got {self.dropout}")
        check_projection_names(self.targets, PROJECTION_NAMES)

    @property
    def scale(self) -> float:
        """Factor of B A x: alpha / rank."""
        return self.alpha / self.rank


def n_lora_parameters(shape: GPTConfig, config: LoraConfig) -> int:
    """Return the number of trained parameters: r (in + out) per projection of every block."""
    projections = select_projections(shape, config.targets)
    widths = sum(each.n_inputs + each.outputs.stop - each.outputs.start for each in projections)
    return shape.n_layers * config.rank * widths


class AdaptedLinear(LoraProjections):
    """The LoRA layer of `inject`: several adapters, can be switched off, faster on a CPU."""

    is_active = True
    """False while the adapter is disabled, or merged into the weight of the base."""
    is_merged = False

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B N"]:
        """Return base(x) + scale * B(A(x)), by one fused operation where that applies."""
        if not self.is_active:
            return self.base(x)
        if can_fuse(self, x):
            y: Any = FusedLora.apply(x, self.a, self.b, self)
            return y
        return super().forward(x)


def inject(model: GPT, config: LoraConfig, generator: torch.Generator | None = None) -> None:
    """Freeze the model and add adapters to the projections that the config names, in place.

    The generator draws the A's (default: torch's global one). Other weights that should be trained,
    such as the score head of a `Scorer`, can be unfrozen afterwards.

    Raises:
        BadInput: the model has adapters already, or lacks a projection.
    """
    adapted: dict[str, list[slice]] = {}  # outputs by layer: q, k and v are slices of one layer's
    for projection in select_projections(model.config, config.targets):
        adapted.setdefault(projection.layer, []).append(projection.outputs)
    refuse_nested_adapters(model)
    model.requires_grad_(False)
    for block in model.blocks:
        for name, outputs in adapted.items():
            base: Any = block.get_submodule(name)
            layer = AdaptedLinear(
                base, outputs, config.rank, config.scale, config.dropout, generator
            )
            block.set_submodule(name, layer.train(base.training))


def refuse_nested_adapters(model: nn.Module) -> None:
    """Raise BadInput if the model has adapters already."""
    if layers := lora_layers(model):
        raise BadInput(f"the model has adapters already, in {len(layers)} layers; merge them first")


def lora_layers(model: nn.Module) -> dict[str, AdaptedLinear]:
    """Return the adapted layers of a model by name."""
    return {name: each for name, each in model.named_modules() if isinstance(each, AdaptedLinear)}


def lora_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return every A and B of a model, layer by layer."""
    return [each for layer in lora_layers(model).values() for each in (layer.a, layer.b)]


class ParameterCounts(NamedTuple):
    """Number of trained parameters, compared with the size of the model."""

    trained: int
    total: int
    """Parameters in all, including the weights of a 4-bit base."""
    n_layers: int
    """Number of layers with adapters."""

    def __str__(self) -> str:
        share = self.trained / self.total
        return f"{self.trained:,} trained of {self.total:,}, {share:.2%}, in {self.n_layers} layers"


def count_trainable(model: nn.Module) -> ParameterCounts:
    """Count trained parameters; fewer than planned if a target matches too few layers."""
    sizes = [(each.numel(), each.requires_grad) for each in model.parameters()]
    quantised = [each for each in model.modules() if isinstance(each, Nf4Linear)]
    stored = {id(each.codes): each.n_weights for each in quantised}  # copies of a layer share codes
    total = sum(stored.values()) + sum(size for size, _ in sizes)
    trained = sum(size for size, requires_grad in sizes if requires_grad)
    return ParameterCounts(trained, total, len(lora_layers(model)))
