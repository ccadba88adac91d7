r"""Classifier-free guidance: exaggerate the effect of the condition.

    v = v(x_t) + w (v(x_t | c) - v(x_t))        (Ho and Salimans 2022, eq. 6, with w = 1 + their w)

Weight 1 is the plain conditional velocity, 0 the unconditional one. Above 1, images match their
condition better and vary less. The weight may apply in an interval of times only (Kynkäänniemi et
al. 2024).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gpt.errors import BadInput


@dataclass(frozen=True)
class Guidance:
    """Strength of the guidance, and the times at which it applies."""

    weight: float = 1.0
    """Guidance weight. Higher values match the condition better and vary less; 1 is no guidance."""
    start: float = 0.0
    """Earliest time (0 is the data) at which the weight applies; outside the interval it is 1."""
    end: float = 1.0
    """Latest time (1 is the noise) at which the weight applies."""

    def __post_init__(self) -> None:
        """Check the weight and the interval.

        Raises:
            BadInput: the weight is not finite, or the interval is not inside [0, 1].
        """
        if not math.isfinite(self.weight):
            raise BadInput(f"guidance must be a finite number, got {self.weight}")
        if not 0 <= self.start <= self.end <= 1:
            raise BadInput(
                f"guidance must start and end in [0, 1], in this order, got {self.start} and "
                f"{self.end}"
            )

    def weight_at(self, t: float) -> float:
        """Return the weight at a time."""
        return self.weight if self.start <= t <= self.end else 1.0


class GuidedVelocity:
    """Velocity of a model for a condition, with guidance; counts the evaluations of the network.

    The whole output is guided: some published code guides the first three of four channels only.
    """

    def __init__(
        self,
        model: nn.Module,
        condition: Int[Tensor, "B T"],
        null: Int[Tensor, " T"],
        guidance: Guidance,
    ) -> None:
        self.model, self.condition, self.guidance = model, condition, guidance
        self.both = torch.cat([condition, null.expand_as(condition)])
        self.n_evaluations = 0

    @torch.inference_mode()
    def __call__(self, x: Float[Tensor, "B *D"], t: float) -> Float[Tensor, "B *D"]:
        """Return the velocity at time t.

        One evaluation of B rows if the weight is 1, otherwise one of 2 B rows.
        """
        self.n_evaluations += 1
        weight, times = self.guidance.weight_at(t), torch.full((len(x),), t, device=x.device)
        if weight == 1:
            return self.model(x, times, self.condition)
        velocities = self.model(x.repeat(2, *[1] * (x.ndim - 1)), times.repeat(2), self.both)
        conditional, unconditional = velocities.chunk(2)
        return unconditional + weight * (conditional - unconditional)
