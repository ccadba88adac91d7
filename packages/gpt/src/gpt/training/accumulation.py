"""One gradient from several small batches, equal to that of the whole batch.

A loss function returns a sum and the number of terms in it. Sums and gradients are added over the
micro-batches and divided once, by the terms of all: so a smaller last piece, or pieces with unequal
numbers of scored tokens, weigh what they should. The mean of means does not.
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
    """Cross-entropy of every token given those before it, summed (nats)."""
    return LossSum(model(batch.tokens, targets=batch.targets), batch.targets.numel())


def accumulate_gradient(
    model: Any,
    parameters: list[nn.Parameter],
    pieces: Iterable[Any],
    loss: LossFunction,
    scaler: torch.amp.GradScaler,
) -> float:
    """Leave the gradient of the mean loss over all pieces in `parameters`, and return that loss.

    The scaler multiplies by 1 except in fp16; its factor stays in the gradient until `unscale_`.
    With several processes, pieces are this one's and the mean runs over those of all.
    """
    total, terms, unit = 0.0, 0.0, 0.0
    for piece, counts, last in synchronised_micro_batches(list(pieces)):
        with nullcontext() if last else without_gradient_averaging(model):
            part = loss(model, piece)
            # any divisor would do, the same one everywhere; this one keeps fp16 in its range
            unit = unit or all_reduce_max(part.terms) or 1
            scaler.scale(counts * part.total / unit).backward()
        total += counts * part.total.item()
        terms += counts * part.terms
    total, terms = all_reduce_sum(total, terms)
    share = n_processes() * unit / terms
    if share != 1:  # it is 1 for one piece in one process
        for parameter in parameters:
            if parameter.grad is not None:  # the average over the processes of sums / unit
                parameter.grad *= share
    return total / terms


class MicroBatch(NamedTuple):
    """A micro-batch when every process takes one."""

    piece: Any
    counts: bool
    """False for one that was taken before."""
    last: bool


def synchronised_micro_batches(pieces: list[Any]) -> Iterator[MicroBatch]:
    """The pieces of this process, in as many turns as the process with most of them needs.

    A pass through a sharded model takes all processes. One that has run out goes along with its
    last piece once more, which then counts for nothing.
    """
    n_turns = int(all_reduce_max(len(pieces)))
    for turn in range(n_turns):
        mine = min(turn, len(pieces) - 1)
        yield MicroBatch(pieces[mine], counts=turn == mine, last=turn == n_turns - 1)
