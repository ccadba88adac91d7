"""Gradient checkpointing: keep the input of a block only, and compute the rest of it again.

The backward pass of a block needs the activations of its forward pass. Chen et al. 2016, "Training
Deep Nets with Sublinear Memory Cost", section 4, drop them, and run the forward pass of a segment a
second time when its gradient is due. Here a segment is a block, so a step holds the activations of
one block and the input of every block. The price is a third more time: a backward pass takes the
work of two forward passes, and with a second forward pass the step takes four instead of three.

The second forward pass must compute the same numbers, so it runs with the training modes, the
random numbers of dropout and the precision of the first.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gpt.model.attention import AttentionMask
from gpt.model.cache import LayerCache
from gpt.model.gpt import GPT


def checkpoint_blocks(model: GPT) -> GPT:
    """Checkpoint every block of a model, in place, and return it; the names of weights stay."""
    for block in model.blocks:
        block.forward = partial(checkpointed_forward, block)
    return model


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
    learned: list[Tensor] = [each for each in block.parameters() if each.requires_grad]
    if isinstance(mask, Tensor) and mask.requires_grad:  # the bias of T5
        learned.append(mask)
    y: Any = Recomputed.apply(forward, ForwardState(block, x.device), x, *learned)
    return y


class Recomputed(torch.autograd.Function):
    """A function of x whose activations are computed again for its gradient.

    Weights and a learned mask are inputs too, though the function reads them by itself. So autograd
    gets their gradients even where x has none, as in the first block of a model in which only
    adapters are trained. First derivatives only.
    """

    @staticmethod
    def forward(
        ctx: Any,
        function: Callable[[Tensor], Tensor],
        state: "ForwardState",
        x: Float[Tensor, "B T D"],
        *learned: Tensor,
    ) -> Float[Tensor, "B T D"]:
        """Compute function(x); save the inputs and no activation."""
        ctx.function, ctx.state = function, state
        ctx.save_for_backward(x, *learned)
        with torch.enable_grad():  # without, some kernels differ in the last bit
            y = function(x.detach().requires_grad_(x.requires_grad))
        return y.detach()  # frees the activations

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "B T D"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compute function(x) again, with its activations, and the gradients from them."""
        x, *learned = ctx.saved_tensors
        x = x.detach().requires_grad_(ctx.needs_input_grad[2])
        with ctx.state.restored(), torch.enable_grad():
            y = ctx.function(x)
        inputs = [x, *learned] if x.requires_grad else learned
        gradients = torch.autograd.grad(y, inputs, upstream, allow_unused=True)
        return None, None, *(gradients if x.requires_grad else (None, *gradients))


class ForwardState:
    """What a forward pass depends on besides inputs: training modes, random numbers, precision."""

    def __init__(self, block: nn.Module, device: torch.device) -> None:
        self.modes = [(module, module.training) for module in block.modules()]
        self.device = device.type
        self.generator: Any = torch if self.device == "cpu" else torch.get_device_module(device)
        self.random = self.generator.get_rng_state()
        self.autocast = (
            torch.get_autocast_dtype(self.device),
            torch.is_autocast_enabled(self.device),
        )

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Return to this state, and afterwards to the present one."""
        modes = [(module, module.training) for module, _ in self.modes]
        random = self.generator.get_rng_state()
        set_training_modes(self.modes)
        self.generator.set_rng_state(self.random)
        try:
            with torch.autocast(self.device, *self.autocast, cache_enabled=False):
                yield
        finally:
            set_training_modes(modes)
            self.generator.set_rng_state(random)


def set_training_modes(modes: list[tuple[nn.Module, bool]]) -> None:
    """Set each module, without those inside it, to training or evaluation."""
    for module, training in modes:
        module.training = training
