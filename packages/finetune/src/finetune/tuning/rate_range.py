r"""The learning-rate range test: raise the rate from step to step until the loss flies away.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3. Departures: the
rate grows by a constant factor instead of a constant term, so that every power of ten gets as many
steps; and what is watched is the loss instead of the accuracy.

In a bowl with curvature h, loss = h x^2 / 2, a step of gradient descent multiplies x by
1 - rate h. Every rate below 2 / h comes closer, every one above gets away: the test finds 2 / h.
"""

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from gpt.errors import BadInput
from gpt.training.accumulation import LossFunction, accumulate_gradient
from gpt.training.optimizer import make_adamw

DIVERGENCE_FACTOR = 4.0
"""The loss has flown away when it is so many times the lowest."""


class RateTrial(NamedTuple):
    """One rate of the test."""

    rate: float
    """The learning rate of a step."""
    loss: float
    """Of the batch after that step."""


def geometric_rates(low: float | int, high: float | int, steps: int) -> list[float]:
    """From low to high, each by the same factor above the one before.

    rate_i = low (high / low)^(i / (steps - 1))
    """
    if not 0 < low < high < math.inf or steps < 2:
        raise BadInput(f"a range wants 0 < low < high and 2 steps; got {low}, {high} and {steps}")
    return [low * (high / low) ** (i / (steps - 1)) for i in range(steps)]


def adamw_without_decay(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of the training loop, without decay."""
    return make_adamw(parameters, 1.0, (0.9, 0.95), 0.0)


def lr_range_test(
    model: nn.Module,
    batches: Callable[[int], Iterable[Any]],
    loss: LossFunction,
    low: float | int = 1e-6,
    high: float | int = 1.0,
    steps: int = 100,
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer] = adamw_without_decay,
) -> Generator[RateTrial, None, None]:
    """Train at growing rates and yield each with the loss it led to, up to the first flown away.

    Afterwards, or when the generator is closed, the model is as it was.

    Args:
        model: what is to be trained.
        batches: the micro-batches of a step; steps 0 to `steps` are taken.
        loss: the summed loss of a micro-batch, as in `gpt.training.loop`.
        low: the first rate.
        high: the last rate.
        steps: how many rates.
        optimizer: makes the one whose rate is in question.
    """
    rates = geometric_rates(low, high, steps)
    parameters = [each for each in model.parameters() if each.requires_grad]
    before, was_training = [each.detach().clone() for each in parameters], model.training
    update, no_scale = optimizer(parameters), torch.amp.GradScaler("cpu", enabled=False)
    model.train()
    try:
        lowest = accumulate_gradient(model, parameters, batches(0), loss, no_scale)
        for step, rate in enumerate(rates, 1):
            for group in update.param_groups:
                group["lr"] = rate
            update.step()
            update.zero_grad()
            mean = accumulate_gradient(model, parameters, batches(step), loss, no_scale)
            yield RateTrial(rate, mean)
            lowest = min(lowest, mean)
            if not mean <= DIVERGENCE_FACTOR * lowest:  # also where it is no number
                return
    finally:
        for parameter, old in zip(parameters, before, strict=True):
            parameter.data.copy_(old)
            parameter.grad = None
        model.train(was_training)


def suggest_learning_rate(trials: Sequence[RateTrial], width: int = 5) -> float:
    """A tenth of the rate at which the smoothed loss is lowest.

    Beyond it the loss gets worse. A run spends many steps near its peak rate where the test spends
    one, and so wants less: hence the tenth. Losses are smoothed by the mean with their neighbours,
    `width` in all.

    Raises:
        BadInput: there are no trials; or the loss was still falling, or never fell, so the range
            holds no answer.
    """
    if not trials:
        raise BadInput("there are no trials to find a rate in")
    half = width // 2
    losses = [trial.loss for trial in trials if math.isfinite(trial.loss)]
    smooth = [sum(losses[i - half : i + half + 1]) / width for i in range(half, len(losses) - half)]
    lowest = min(range(len(smooth)), key=smooth.__getitem__, default=0)
    if not 0 < lowest < len(smooth) - 1:
        raise BadInput(
            f"the loss has no lowest point between the rates {trials[0].rate:g} and "
            f"{trials[-1].rate:g}; widen the range"
        )
    return trials[lowest + half].rate / 10
