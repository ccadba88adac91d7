r"""Activation checkpointing: keep the input of a block, forget the rest, run it again when needed.

Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", section 4. Without it, L blocks
keep L times what one keeps for the backward pass. With it they keep L inputs, and what one block
keeps while that one is run again. The price is a second forward pass: as the backward pass takes
about twice the time of a forward pass, 4/3 of the time in all.

The second run must repeat the first. Dropout must draw the same numbers, so the state of the random
numbers is kept, and whether there was dropout at all; products must have the same format, so that
of autocast is. And both must take the same kernels, so the first run has a gradient too, whose
graph is then dropped. Tests hold the gradients equal, to the bit, to those of the plain model and
to those of torch.utils.checkpoint.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gpt.model.gpt import GPT


def checkpoint_blocks(model: GPT) -> None:
    """From now on the blocks of this model keep their inputs alone; weights keep their names."""
    for block in model.blocks:
        if "forward" not in vars(block):  # else it would run three times
            block.forward = partial(run_checkpointed, block, block.forward)


def run_checkpointed(
    block: nn.Module, forward: Any, x: Float[Tensor, "B T D"], *constants: Any
) -> Float[Tensor, "B T D"]:
    """What a block makes of x; `constants` are masks and the like, which have no gradient."""
    if not torch.is_grad_enabled():
        return forward(x, *constants)
    parameters = [parameter for parameter in block.parameters() if parameter.requires_grad]
    y: Any = Recompute.apply(forward, ForwardContext(block, x.device), constants, x, *parameters)
    return y


class Recompute(torch.autograd.Function):
    """A function whose backward pass begins with its forward pass; first derivatives alone.

    The parameters are inputs like x. So gradients come out of it as of any other operation, also
    where x has none, as at the first block of a model of which adapters alone are trained.
    """

    @staticmethod
    def forward(
        ctx: Any,
        function: Any,
        surroundings: Any,
        constants: tuple[Any, ...],
        x: Float[Tensor, "B T D"],
        *parameters: Tensor,
    ) -> Float[Tensor, "B T D"]:
        """f(x), of which nothing stays but x."""
        ctx.function, ctx.surroundings, ctx.constants = function, surroundings, constants
        ctx.save_for_backward(x, *parameters)
        with torch.enable_grad():
            return function(x.detach().requires_grad_(x.requires_grad), *constants).detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "B T D"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The gradients of f at x."""
        x, *parameters = ctx.saved_tensors
        x = x.detach().requires_grad_(ctx.needs_input_grad[3])
        with ctx.surroundings.restored(), torch.enable_grad():
            y = ctx.function(x, *ctx.constants)
        inputs = [x, *parameters] if x.requires_grad else parameters
        found = torch.autograd.grad(y, inputs, upstream, allow_unused=True)
        return None, None, None, *(found if x.requires_grad else (None, *found))


class ForwardContext:
    """What decides about a run beside its inputs, as it is when this is made."""

    def __init__(self, block: nn.Module, device: torch.device) -> None:
        self.modes = [(module, module.training) for module in block.modules()]
        self.device = device.type
        self.generator: Any = torch if self.device == "cpu" else torch.get_device_module(device)
        self.random = self.generator.get_rng_state()
        half = torch.is_autocast_enabled(self.device)
        self.format = torch.get_autocast_dtype(self.device) if half else None

    @contextmanager
    def restored(self) -> Iterator[None]:
        """As it was then; afterwards as it is now."""
        modes, random = (
            [(each, each.training) for each, _ in self.modes],
            self.generator.get_rng_state(),
        )
        set_modes(self.modes)
        self.generator.set_rng_state(self.random)
        try:
            with torch.autocast(
                self.device, self.format, self.format is not None, cache_enabled=False
            ):
                yield
        finally:
            set_modes(modes)
            self.generator.set_rng_state(random)


def set_modes(modes: list[tuple[nn.Module, bool]]) -> None:
    """Put each module into its mode, training or not."""
    for module, training in modes:
        module.training = training
