"""Switch adapters off, add them to the weights of the base, and take them off again."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from finetune.lora.inject import AdaptedLinear, lora_layers
from finetune.lora.nf4 import Nf4Linear
from gpt.errors import BadInput
from gpt.model.fast.linear import FastLinear
from gpt.model.gpt import GPT


@contextmanager
def disable_adapters(model: nn.Module) -> Iterator[None]:
    """Make the model its base, to the bit, within a `with` block: a reference policy for free.

    Raises:
        BadInput: the adapters are merged, so that the weights of the base are not available.
    """
    layers = [*lora_layers(model).values()]
    if any(layer.is_merged for layer in layers):
        raise BadInput("merged adapters cannot be disabled; unmerge them first")
    was_active = [layer.is_active for layer in layers]
    for layer in layers:
        layer.is_active = False
    try:
        yield
    finally:
        for layer, before in zip(layers, was_active, strict=True):
            layer.is_active = before


@torch.no_grad()
def merge(model: nn.Module) -> None:
    """Add every s B A to its weight, in place: the same outputs at the cost of the base alone.

    Raises:
        BadInput: a base has 4-bit weights, which cannot hold the sum.
    """
    for layer, weight in mergeable_weights(model, is_merged=False):
        weight.add_(layer.delta_weight())
        layer.is_active, layer.is_merged = False, True


@torch.no_grad()
def unmerge(model: nn.Module) -> None:
    """Subtract every s B A again: the weights before `merge`, up to rounding."""
    for layer, weight in mergeable_weights(model, is_merged=True):
        weight.sub_(layer.delta_weight())
        layer.is_active, layer.is_merged = True, False


def mergeable_weights(
    model: nn.Module, is_merged: bool
) -> list[tuple[AdaptedLinear, Float[Tensor, "N D"]]]:
    """Return the layers that are merged, or are not, with the weights of their bases."""
    layers = [layer for layer in lora_layers(model).values() if layer.is_merged == is_merged]
    if any(isinstance(layer.base, Nf4Linear) for layer in layers):
        raise BadInput(
            "adapters cannot be merged into a base in four bits; `merged_copy` makes a new model"
        )
    return [(layer, layer.base.weight) for layer in layers]


_Model = TypeVar("_Model", bound=GPT)


@torch.no_grad()
def merged_copy(model: _Model) -> _Model:
    """Return a copy with every s B A added and no adapters, all of whose parameters are trainable.

    An adapted 4-bit layer becomes an ordinary one. Other 4-bit layers stay as they are: their
    weights are not parameters.
    """
    merged = copy.deepcopy(model)
    for name, layer in lora_layers(merged).items():
        weight = layer.base.weight if layer.is_merged else layer.base.weight + layer.delta_weight()
        linear = FastLinear(weight.shape[1], weight.shape[0], bias=False, device="meta")
        linear.weight = nn.Parameter(weight.to(layer.base.weight.dtype))
        linear.register_parameter("bias", layer.base.bias)
        merged.set_submodule(name, linear.train(layer.training))
    return merged.requires_grad_(True)
