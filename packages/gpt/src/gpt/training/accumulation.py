"""Add up one gradient over several micro-batches, equal to the gradient of the whole batch.

A loss function returns a sum and the number of terms in it. Sums and gradients are added over the
micro-batches and divided once, by the number of terms in all of them. So a smaller last
micro-batch, or micro-batches with unequal numbers of scored tokens, get the weight that they
should. A mean of means would not do that.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gpt.runs.processes import all_reduce_max, all_reduce_sum, n_processes
from gpt.runs.sharding import without_gradient_averaging
from gpt.text.token_files import Batch


class LossSum(NamedTuple):
    """A loss before it is averaged."""

    total: Float[Tensor, ""]
    terms: int


LossFunction = Callable[[Any, Any], LossSum]
"""Takes the model (compiled or not) and a micro-batch of whatever kind the model reads."""


def next_token_loss(model: nn.Module, batch: Batch) -> LossSum:
    """Sum the cross-entropy of every token given the tokens before it (nats)."""
    return LossSum(model(batch.tokens, targets=batch.targets), batch.targets.numel())


class GradientAccumulator:
    """The gradient of one step, added up over its micro-batches.

        for batch in gradient.micro_batches(batches):
            gradient.backward(loss(model, batch))
        mean_loss = gradient.finish(parameters)

    The scaler multiplies by 1 except in fp16; its factor stays in the gradient until `unscale_`.
    With several processes, the batches are those of this process and the mean runs over all.
    """

    def __init__(self, model: Any, scaler: torch.amp.GradScaler) -> None:
        self.model, self.scaler = model, scaler
        self.total, self.terms, self.unit = 0.0, 0.0, 0.0
        self.is_counted = True

    def micro_batches(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches of this process, as many as the process with most of them has.

        A pass through a sharded model needs all processes. One that has run out repeats its last
        batch, which then does not count. Gradients are averaged over the processes only after the
        last batch.
        """
        own = list(batches)
        n_passes = int(all_reduce_max(len(own)))
        for number in range(n_passes):
            self.is_counted = number < len(own)
            is_last = number == n_passes - 1
            with nullcontext() if is_last else without_gradient_averaging(self.model):
                yield own[min(number, len(own) - 1)]

    def backward(self, loss: LossSum) -> None:
        """Add the gradient of a loss."""
        # any divisor would do, the same one everywhere; this one keeps fp16 in its range
        self.unit = self.unit or all_reduce_max(loss.terms) or 1
        self.scaler.scale(self.is_counted * loss.total / self.unit).backward()
        self.total += self.is_counted * loss.total.item()
        self.terms += self.is_counted * loss.terms

    def finish(self, parameters: list[nn.Parameter]) -> float:
        """Turn the sums into the mean: scale the gradient in `parameters` and return the loss."""
        total, terms = all_reduce_sum(self.total, self.terms)
        factor = n_processes() * self.unit / terms
        if factor != 1:  # it is 1 for one micro-batch in one process
            for parameter in parameters:
                if parameter.grad is not None:  # the average over the processes of sums / unit
                    parameter.grad *= factor
        return total / terms


def accumulate_gradient(
    model: Any,
    parameters: list[nn.Parameter],
    batches: Iterable[Any],
    loss: LossFunction,
    scaler: torch.amp.GradScaler,
) -> float:
    """Leave the gradient of the mean loss over all batches in `parameters`; return that loss."""
    gradient = GradientAccumulator(model, scaler)
    for batch in gradient.micro_batches(batches):
        gradient.backward(loss(model, batch))
    return gradient.finish(parameters)
