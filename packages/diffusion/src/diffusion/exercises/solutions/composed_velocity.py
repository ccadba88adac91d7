"""Guidance towards several conditions, with one evaluation of the network."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def composed_velocity(
    model: nn.Module,
    x: Float[Tensor, "B *D"],
    t: Float[Tensor, " B"],
    conditions: list[Int[Tensor, "B T"]],
    null: Int[Tensor, " T"],
    weights: list[float],
) -> Float[Tensor, "B *D"]:
    """Add the weighted difference of each condition to the unconditional velocity."""
    ids = torch.cat([null.expand_as(conditions[0]), *conditions])
    n = 1 + len(conditions)
    unconditional, *conditional = model(torch.cat([x] * n), t.repeat(n), ids).chunk(n)
    velocity = unconditional
    for weight, each in zip(weights, conditional, strict=True):
        velocity = velocity + weight * (each - unconditional)
    return velocity
