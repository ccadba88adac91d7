r"""The learning-rate range test: raise the rate at every step until the loss diverges.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3. Departures: the
rate grows by a constant factor instead of a constant term, so that every power of ten gets the same
number of steps; and the loss is monitored instead of the accuracy.

For loss = h x^2 / 2, with curvature h, a step of gradient descent multiplies x by 1 - rate h. It
converges at rates below 2 / h and diverges above: the test finds 2 / h.
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
"""The loss has diverged once it exceeds the lowest loss by this factor."""


class RateTrial(NamedTuple):
    """A learning rate and the loss that it led to."""

    rate: float
    """Learning rate of the step."""
    loss: float
    """Loss of the next batch after that step."""


def geometric_rates(low: float | int, high: float | int, steps: int) -> list[float]:
    """Return rates from low to high, spaced by a constant factor.

    rate_i = low (high / low)^(i / (steps - 1))
    """
    if not 0 < low < high < math.inf or steps < 2:
        raise BadInput(f"need 0 < low < high and at least 2 steps; got {low}, {high} and {steps}")
    return [low * (high / low) ** (i / (steps - 1)) for i in range(steps)]


def lr_range_test(
    model: nn.Module,
    batches: Callable[[int], Iterable[Any]],
    loss: LossFunction,
    low: float | int = 1e-6,
    high: float | int = 1.0,
    steps: int = 100,
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer] | None = None,
) -> Generator[RateTrial, None, None]:
    """Train at growing rates and yield each with the loss that it led to, until one diverges.

    At the end, or when the generator is closed, the model gets its weights back.

    Args:
        model: the model to train.
        batches: returns the micro-batches of a step, for steps 0 to `steps`.
        loss: the summed loss of a micro-batch, as in `gpt.training.loop`.
        low: the first rate.
        high: the last rate.
        steps: the number of rates.
        optimizer: makes the optimizer whose learning rate is tested; AdamW without decay if None.
    """
    rates = geometric_rates(low, high, steps)
    parameters = [each for each in model.parameters() if each.requires_grad]
    before, was_training = [each.detach().clone() for each in parameters], model.training
    if optimizer is None:
        update = make_adamw(parameters, 1.0, (0.9, 0.95), 0.0)
    else:
        update = optimizer(parameters)
    no_scale = torch.amp.GradScaler("cpu", enabled=False)
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
            if not mean <= DIVERGENCE_FACTOR * lowest:  # also if it is NaN
                return
    finally:
        for parameter, old in zip(parameters, before, strict=True):
            parameter.data.copy_(old)
            parameter.grad = None
        model.train(was_training)


def suggest_learning_rate(trials: Sequence[RateTrial], width: int = 5) -> float:
    """Return a tenth of the rate at which the smoothed loss is lowest.

    Higher rates make the loss worse. A run spends many steps near its peak learning rate where the
    test spends one, and needs a lower rate: hence the tenth. The losses are smoothed by a moving
    average over `width` of them.

    Raises:
        BadInput: there are no trials; or the loss was still falling, or never fell, so the best
            rate is outside of the range.
    """
    if not trials:
        raise BadInput("there are no trials to choose a rate from")
    half = width // 2
    losses = [trial.loss for trial in trials if math.isfinite(trial.loss)]
    smooth = [sum(losses[i - half : i + half + 1]) / width for i in range(half, len(losses) - half)]
    lowest = min(range(len(smooth)), key=smooth.__getitem__, default=0)
    if not 0 < lowest < len(smooth) - 1:
        raise BadInput(
            f"the loss has no minimum between the rates {trials[0].rate:g} and "
            f"{trials[-1].rate:g}; widen the range"
        )
    return trials[lowest + half].rate / 10
