r"""Activation checkpointing: save only the input of a block, and run the block again when needed.

Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", section 4. Without it, L blocks
save L times the activations of one block. With it they save L inputs, plus the activations of one
block while it runs again. The cost is a second forward pass: as the backward pass takes about twice
the time of a forward pass, a step takes about 4/3 of the time.

The second run must repeat the first. Dropout must draw the same numbers, so the state of the random
generator and the training mode are restored; products must use the same format, so autocast is
restored as well. Both runs must use the same kernels, so gradients are enabled in the first run
too, and its graph is then dropped. Tests hold the gradients equal, to the last bit, to those of the
plain model and to those of torch.utils.checkpoint.
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
    """Make the blocks of this model save only their inputs; names of weights do not change."""
    for block in model.blocks:
        if "forward" not in vars(block):  # checkpointed twice, it would run three times
            block.forward = partial(run_checkpointed, block, block.forward)


def run_checkpointed(
    block: nn.Module, forward: Any, x: Float[Tensor, "B T D"], *others: Any
) -> Float[Tensor, "B T D"]:
    """Run a block on x; `others` are masks and further inputs."""
    if not torch.is_grad_enabled():
        return forward(x, *others)
    # a mask is learned if it holds the bias of T5
    learned = [each for each in others if isinstance(each, Tensor) and each.requires_grad]
    learned += [parameter for parameter in block.parameters() if parameter.requires_grad]
    y: Any = Recompute.apply(forward, ForwardContext(block, x.device), others, x, *learned)
    return y


class Recompute(torch.autograd.Function):
    """A function that runs its forward pass again at the start of its backward pass.

    Parameters and learned masks are inputs like x. So autograd gets their gradients even where x
    has none, as in the first block of a model in which only adapters are trained. First
    derivatives only.
    """

    @staticmethod
    def forward(
        ctx: Any,
        function: Any,
        context: Any,
        others: tuple[Any, ...],
        x: Float[Tensor, "B T D"],
        *learned: Tensor,
    ) -> Float[Tensor, "B T D"]:
        """Compute f(x) and save nothing but x."""
        ctx.function, ctx.context, ctx.others = function, context, others
        ctx.save_for_backward(x, *learned)
        with torch.enable_grad():
            return function(x.detach().requires_grad_(x.requires_grad), *others).detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Float[Tensor, "B T D"]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run f(x) again and return the gradients."""
        x, *learned = ctx.saved_tensors
        x = x.detach().requires_grad_(ctx.needs_input_grad[3])
        with ctx.context.restore(), torch.enable_grad():
            y = ctx.function(x, *ctx.others)
        inputs = [x, *learned] if x.requires_grad else learned
        found = torch.autograd.grad(y, inputs, upstream, allow_unused=True)
        return None, None, None, *(found if x.requires_grad else (None, *found))


class ForwardContext:
    """State that a forward pass depends on: training modes, random generator, autocast."""

    def __init__(self, block: nn.Module, device: torch.device) -> None:
        self.modes = [(module, module.training) for module in block.modules()]
        self.device = device.type
        self.generator: Any = torch if self.device == "cpu" else torch.get_device_module(device)
        self.random = self.generator.get_rng_state()
        half = torch.is_autocast_enabled(self.device)
        self.format = torch.get_autocast_dtype(self.device) if half else None

    @contextmanager
    def restore(self) -> Iterator[None]:
        """Return to the saved state, and afterwards to the present one."""
        modes = [(each, each.training) for each, _ in self.modes]
        random = self.generator.get_rng_state()
        for module, training in self.modes:
            module.training = training
        self.generator.set_rng_state(self.random)
        try:
            with torch.autocast(
                self.device, self.format, self.format is not None, cache_enabled=False
            ):
                yield
        finally:
            for module, training in modes:
                module.training = training
            self.generator.set_rng_state(random)
