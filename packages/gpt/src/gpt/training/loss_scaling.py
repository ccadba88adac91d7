r"""Dynamic loss scaling: multiply the loss so that small gradients do not become zero in fp16.

fp16 has 5 bits of exponent: it reaches from 2^-24 to 65,504, and most gradients are small. A loss
that is multiplied by S has gradients that are S times as large; they are divided by S, in fp32,
before the update (Micikevicius et al. 2018, "Mixed Precision Training", section 3.2). A step whose
gradients overflow to infinity is skipped. The paper sets S by hand; here, as in torch, it is halved
after an overflow and doubled after 2,000 steps without one.

bf16 has the 8 bits of exponent of fp32 and needs none of this; it pays with 3 bits of precision.

`training/loop.py` uses torch's `GradScaler`, which tests hold equal to this file.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gpt.errors import BadInput


@dataclass(frozen=True)
class LossScale:
    """The factor of the loss, and what decides when it changes; the defaults are torch's."""

    value: float = 2.0**16
    """The factor S. The first steps may overflow, which brings it down."""
    growth_interval: int = 2000
    """Steps without overflow after which S doubles."""
    steps_since_change: int = 0
    """Steps without overflow since S has changed."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: the factor or the interval is not positive.
        """
        if not 0 < self.value < float("inf"):
            raise BadInput(f"the loss scale must be a positive number, got {self.value}")
        if self.growth_interval < 1:
            raise BadInput(f"growth_interval must be at least 1, got {self.growth_interval}")

    def after_step(self, overflowed: bool) -> "LossScale":
        """Return the scale of the next step: half, the same, or twice as large."""
        if overflowed:
            return LossScale(self.value / 2, self.growth_interval)
        if self.steps_since_change + 1 == self.growth_interval:
            return LossScale(self.value * 2, self.growth_interval)
        return LossScale(self.value, self.growth_interval, self.steps_since_change + 1)


def scaled_step(
    loss: Float[Tensor, ""], optimizer: torch.optim.Optimizer, scale: LossScale
) -> LossScale:
    """Do one training step with a scaled loss, or skip it; return the scale of the next step."""
    optimizer.zero_grad()
    (loss * scale.value).backward()
    weights: list[nn.Parameter] = [
        weight for group in optimizer.param_groups for weight in group["params"]
    ]
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    for gradient in gradients:
        gradient /= scale.value
    overflowed = not all(gradient.isfinite().all() for gradient in gradients)
    if not overflowed:
        optimizer.step()
    return scale.after_step(overflowed)


def underflow_share(gradient: Float[Tensor, "*B"], scale: float = 1.0) -> float:
    """Return the fraction of the non-zero numbers that become 0 in fp16, once scaled.

    It is NaN if all numbers are 0.
    """
    numbers = gradient[gradient != 0].float()
    return ((numbers * scale).half() == 0).float().mean().item()
