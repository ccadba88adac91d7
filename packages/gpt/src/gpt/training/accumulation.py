"""Add up one gradient over several micro-batches, equal to the gradient of the whole batch.

A loss function returns a sum and its number of terms. Sums and gradients are added up over the
micro-batches and divided once, by the total number of terms. So every term has the same weight,
also where the last micro-batch is smaller or micro-batches have unequal numbers of scored tokens.
In a mean of means it would not.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gpt.model.label_smoothing import smoothed_cross_entropy
from gpt.model.loss import at_least_fp32
from gpt.runs.processes import all_reduce, all_reduce_max, n_processes
from gpt.text.token_files import Batch


class LossSum(NamedTuple):
    """Sum of a loss over its terms, and their number."""

    total: Float[Tensor, ""]
    terms: int


LossFunction = Callable[[Any, Any], LossSum]
"""Takes the model (compiled or not) and a micro-batch, of any type that the model accepts."""


def next_token_loss(model: nn.Module, batch: Batch) -> LossSum:
    """Return the summed cross-entropy of every token given the tokens before it, in nats."""
    return LossSum(model(batch.tokens, targets=batch.targets), batch.targets.numel())


def smoothed_next_token_loss(model: nn.Module, batch: Batch, smoothing: float) -> LossSum:
    """Return the loss of `next_token_loss` with label smoothing; `partial` sets the amount.

    Validate with the plain loss: a smoothed one is higher, and no log-likelihood.
    """
    logits = at_least_fp32(model(batch.tokens)).flatten(0, 1)
    total = smoothed_cross_entropy(logits, batch.targets.flatten(), smoothing)
    return LossSum(total, batch.targets.numel())


class GradientAccumulator:
    """Accumulator for the gradient of one step.

    ::

        for batch in gradient.micro_batches(batches):
            gradient.backward(loss(model, batch))
        mean_loss = gradient.finish(parameters)

    In fp16 the gradient is multiplied by the scaler's factor until `scaler.unscale_`. With several
    processes, each passes its own batches, and the mean is over those of all processes.
    """

    def __init__(self, model: Any, scaler: torch.amp.GradScaler) -> None:
        self.model, self.scaler = model, scaler
        self.total, self.terms, self.unit = 0.0, 0.0, 0.0
        self.is_counted = True

    def micro_batches(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches of this process, repeating the last until no process has more.

        Each forward pass of a sharded model needs all processes, so a process with fewer batches
        repeats its last one, which is not counted. A replicated model averages its gradients over
        the processes only after the last batch. A sharded one has no memory for full gradients, so
        it averages those of each batch.
        """
        own = list(batches)
        inner = getattr(self.model, "_orig_mod", self.model)  # the model that torch.compile wrapped
        n_passes = int(all_reduce_max(len(own)))
        for number in range(n_passes):
            self.is_counted = number < len(own)
            averages_now = number == n_passes - 1 or not isinstance(inner, DistributedDataParallel)
            with nullcontext() if averages_now else inner.no_sync():
                yield own[min(number, len(own) - 1)]

    def backward(self, loss: LossSum) -> None:
        """Add the gradient of a summed loss to that of the step."""
        # any divisor that is equal in all processes would do; this one keeps fp16 in its range
        self.unit = self.unit or all_reduce_max(loss.terms) or 1
        self.scaler.scale(self.is_counted * loss.total / self.unit).backward()
        self.total += self.is_counted * loss.total.item()
        self.terms += self.is_counted * loss.terms

    def finish(self, parameters: list[nn.Parameter]) -> float:
        """Divide by the number of terms: scale the gradients and return the mean loss."""
        total, terms = all_reduce(self.total, self.terms)
        factor = n_processes() * self.unit / terms
        if factor != 1:  # one micro-batch in one process needs no scaling
            for parameter in parameters:
                if parameter.grad is not None:  # holds the mean over the processes of sum / unit
                    parameter.grad *= factor
        return total / terms


def accumulate_gradient(
    model: Any,
    parameters: list[nn.Parameter],
    batches: Iterable[Any],
    loss: LossFunction,
    scaler: torch.amp.GradScaler,
) -> float:
    """Compute the mean loss over all batches, leave its gradient in `parameters` and return it."""
    gradient = GradientAccumulator(model, scaler)
    for batch in gradient.micro_batches(batches):
        gradient.backward(loss(model, batch))
    return gradient.finish(parameters)
