"""One gradient from several small batches, equal to that of the whole batch.

A loss function returns a sum and the number of terms in it. Sums and gradients are added over the
micro-batches and divided once, by the terms of all: so a smaller last piece, or pieces with unequal
numbers of scored tokens, weigh what they should. The mean of means does not.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gpt.evaluation.scores import nats_per_token
from gpt.text.token_files import Batch


class LossSum(NamedTuple):
    """A loss before it is averaged."""

    total: Float[Tensor, ""]
    terms: int


Loss = Callable[[Any, Any], LossSum]
"""Takes the model (compiled or not) and a micro-batch of whatever kind the model reads."""


def next_token_loss(model: nn.Module, batch: Batch) -> LossSum:
    """Cross-entropy of every token given those before it, summed (nats)."""
    nats = nats_per_token(model(batch.tokens), batch.targets)
    return LossSum(nats.sum(), nats.numel())


def accumulate_gradient(
    model: Any,
    parameters: list[nn.Parameter],
    pieces: Iterable[Any],
    loss: Loss,
    scaler: torch.amp.GradScaler,
) -> float:
    """Leave the gradient of the mean loss over all pieces in `parameters`, and return that loss.

    The scaler multiplies by 1 except in fp16; its factor stays in the gradient until `unscale_`.
    """
    total, terms, unit = 0.0, 0, 0
    for piece in pieces:
        part = loss(model, piece)
        unit = unit or part.terms or 1  # any divisor would do; this one keeps fp16 in its range
        scaler.scale(part.total / unit).backward()
        total += part.total.item()
        terms += part.terms
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad *= unit / terms
    return total / terms
