"""Gradient checkpointing: keep the input of a block only, and compute the rest of it again.

The backward pass of a block needs the activations of its forward pass. Chen et al. 2016, "Training
Deep Nets with Sublinear Memory Cost", section 4, drop them, and run the forward pass of a segment a
second time when its gradient is due. Here a segment is a block, so a step holds the activations of
one block and the input of every block. The price is a third more time: a backward pass takes the
work of two forward passes, and with a second forward pass the step takes four instead of three.

The second forward pass must compute the same numbers: dropout replays its random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakSet

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gpt.model.attention import AttentionMask
from gpt.model.cache import LayerCache
from gpt.model.gpt import GPT


class Recomputed(torch.autograd.Function):
    """A function of x and of weights whose activations are computed again for the gradient."""

    @staticmethod
    def forward(
        ctx: Any, function: Callable[[Tensor], Tensor], x: Float[Tensor, "B T D"], *weights: Tensor
    ) -> Float[Tensor, "B T D"]:
        """Compute function(x), which reads the weights by itself; save x and no activation."""
        ctx.function, ctx.weights = function, weights
        ctx.dropout_states = dropout_states(x.device)
        kind = x.device.type
        ctx.precision = (kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind))
        ctx.save_for_backward(x)
        with torch.enable_grad():  # without, some kernels differ in the last bit
            return function(x.detach().requires_grad_()).detach()  # and the activations are freed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "B T D"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compute function(x) again, with its activations, and the gradients from them."""
        x = ctx.saved_tensors[0].detach().requires_grad_()
        graphics = [x.device] if x.device.type == "cuda" else []
        with torch.random.fork_rng(graphics), torch.enable_grad(), torch.autocast(*ctx.precision):
            set_dropout_states(ctx.dropout_states, x.device)
            y = ctx.function(x)
        return None, *torch.autograd.grad(y, (x, *ctx.weights), upstream)


def dropout_states(device: torch.device) -> list[Tensor]:
    """Return the states of the generators that dropout on this device may draw from."""
    graphics = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *graphics]


def set_dropout_states(states: list[Tensor], device: torch.device) -> None:
    """Set the generators of dropout to these states, as returned by `dropout_states`."""
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)


def checkpointed_forward(
    block: nn.Module,
    x: Float[Tensor, "B T D"],
    rotate: Callable[[Tensor], Tensor] | None = None,
    mask: AttentionMask = None,
    cache: LayerCache | None = None,
) -> Float[Tensor, "B T D"]:
    """Compute the block, without keeping its activations if a gradient will be due."""
    forward = partial(type(block).forward, block, rotate=rotate, mask=mask, cache=cache)
    if not torch.is_grad_enabled() or cache is not None:
        return forward(x)
    weights: list[Tensor] = [each for each in block.parameters() if each.requires_grad]
    if isinstance(mask, Tensor) and mask.requires_grad:  # the learned bias of T5
        weights.append(mask)
    return Recomputed.apply(forward, x, *weights)  # pyright: ignore[reportReturnType]


def checkpoint_blocks(model: GPT) -> GPT:
    """Checkpoint every block of a model, in place, and return it; the names of weights stay."""
    for block in model.blocks:
        block.forward = partial(checkpointed_forward, block)
    return model


@dataclass(eq=False)
class SavedTensor:
    """A tensor that an operation has saved for the backward pass."""

    tensor: Tensor


def saved_activation_bytes(loss: Callable[[], Tensor], model: GPT) -> int:
    """Return the memory that the graph of a loss keeps for the backward pass, without weights."""
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    saved: WeakSet[SavedTensor] = WeakSet()  # a tensor leaves it when its graph is freed

    def record(tensor: Tensor) -> SavedTensor:
        entry = SavedTensor(tensor.detach())  # attached, it would keep its own graph alive
        saved.add(entry)
        return entry

    with torch.autograd.graph.saved_tensors_hooks(record, lambda entry: entry.tensor):
        value = loss()  # holds the graph
    storages = [each.tensor.untyped_storage() for each in saved]
    sizes = {each.data_ptr(): each.nbytes() for each in storages}  # some operations share memory
    del value
    return sum(size for address, size in sizes.items() if address not in weights)
