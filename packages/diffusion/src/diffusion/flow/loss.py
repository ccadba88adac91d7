r"""The flow matching loss: the squared error of the predicted velocity on random lines.

    L = E || v(x_t, t) - (e - x) ||^2,   x_t = (1 - t) x + t e      (Lipman et al. 2023, eq. 14, 23)

The minimiser is the mean of e - x over all lines through x_t. This is the velocity that moves noise
to data, although training never follows a path. A batch contains its own noise, times and
conditions, drawn from the seed and the step, so a resumed run repeats them exactly.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.flow.path import interpolate
from diffusion.flow.times import TimeDistribution, logit_normal_times, uniform_times
from gpt.training.accumulation import LossSum


class FlowBatch(NamedTuple):
    """Data with the random draws of training: noise, times, and conditions with dropped rows."""

    x: Float[Tensor, "B *D"]
    noise: Float[Tensor, "B *D"]
    t: Float[Tensor, " B"]
    condition: Int[Tensor, "B T"]
    """Ids of a label or of words; rows that were dropped hold the null condition."""

    def to(self, device: torch.device) -> "FlowBatch":
        """Return the batch on a device."""
        return FlowBatch(*(each.to(device) for each in self))

    def select(self, rows: slice) -> "FlowBatch":
        """Return some rows of the batch."""
        return FlowBatch(*(each[rows] for each in self))


def flow_loss(model: nn.Module, batch: FlowBatch) -> LossSum:
    """Return the squared error of the velocity, summed over all numbers of the batch."""
    velocity = model(interpolate(batch.x, batch.noise, batch.t), batch.t, batch.condition)
    error = (velocity.float() - (batch.noise - batch.x)).square()
    return LossSum(error.sum(), error.numel())


def drop_condition(
    condition: Int[Tensor, "B T"], null: Int[Tensor, " T"], rate: float, generator: torch.Generator
) -> Int[Tensor, "B T"]:
    """Replace the whole condition of a row by the null condition, with one decision per row.

    The network then also learns the velocity without a condition, which guidance needs (Ho and
    Salimans 2022, algorithm 1). With separate decisions for the parts of a condition, few rows
    would lose all of them.
    """
    is_dropped = torch.rand(len(condition), generator=generator) < rate
    return torch.where(is_dropped[:, None], null, condition)


def draw_flow_batch(
    x: Float[Tensor, "B *D"],
    condition: Int[Tensor, "B T"],
    null: Int[Tensor, " T"],
    drop_rate: float,
    times: TimeDistribution,
    generator: torch.Generator,
) -> FlowBatch:
    """Draw noise, times and dropped conditions for a batch of data."""
    draw_times = {"uniform": uniform_times, "logit-normal": logit_normal_times}[times]
    noise = torch.randn(x.shape, generator=generator)
    t = draw_times(len(x), generator)
    return FlowBatch(x, noise, t, drop_condition(condition, null, drop_rate, generator))
