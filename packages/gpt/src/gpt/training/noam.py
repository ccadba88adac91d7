r"""The learning rate of the original transformer, which is called Noam after one of its authors.

rate = d_model^-1/2 min(step^-1/2, step warmup^-3/2)    (Vaswani et al. 2017, eq. 3)

It rises in a straight line for `warmup` steps and then falls as 1 / sqrt(step). Unlike a cosine it
does not need to know how long the run will be. The peak, at step = warmup, is
1 / sqrt(d_model warmup).
"""

import math
from dataclasses import dataclass

from gpt.errors import BadInput
from gpt.training.config import LoopConfig


def noam_rate(step: int, d_model: int, warmup: int) -> float:
    """Return the learning rate of a step, counted from 0; the paper counts from 1.

    Raises:
        BadInput: the warm-up or the width is below 1: the rate would be infinite.
    """
    for name, value in {"warmup": warmup, "d_model": d_model}.items():
        if value < 1:
            raise BadInput(f"{name} must be at least 1, got {value}")
    n = step + 1
    return d_model**-0.5 * min(n**-0.5, n * warmup**-1.5)


@dataclass(frozen=True)
class NoamLoopConfig(LoopConfig):
    """A training loop with the shape of the Noam schedule; `learning_rate` is its peak.

    `min_lr_ratio` has no effect, since the rate does not fall to a floor.
    """

    warmup_ratio: float = 0.1
    """Fraction of the steps over which the learning rate rises to its peak, more than 0."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of range, or there is no warm-up.
        """
        super().__post_init__()
        if self.warmup_ratio == 0:
            raise BadInput("the Noam schedule needs a warm-up; warmup_ratio must be above 0, got 0")

    def schedule_factor(self, step: int) -> float:
        """Return `noam_rate` as a fraction of its peak, which does not depend on the width."""
        warmup = max(round(self.warmup_ratio * self.steps), 1)
        return noam_rate(step, 1, warmup) * math.sqrt(warmup)
