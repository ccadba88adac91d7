r"""How large a batch is worth its time, and how the learning rate follows it.

The gradient of a batch of B texts is the true one plus noise, whose square falls as 1 / B:

E |g_B|^2 = |G|^2 + S / B    (McCandlish et al. 2018, "An Empirical Model of Large-Batch Training",
                              appendix A.1)

S is the variance of one text's gradient, summed over its numbers. At B = S / |G|^2, the noise scale
(eq. 2.9), noise and truth are equally long. Batches far below it gain nearly a whole step for each
one that is twice as large; far above it, nearly nothing.
"""

import math
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from gpt.errors import BadInput


class NoiseScale(NamedTuple):
    """What gradients of two batch sizes say about all sizes."""

    truth: float
    """|G|^2, the squared length of the true gradient."""
    noise: float
    """S, the variance of the gradient of one text."""

    @property
    def batch(self) -> float:
        """S / |G|^2, in texts; infinite where no truth is seen in the noise."""
        return self.noise / self.truth if self.truth > 0 else math.inf


def noise_scale(
    small: float | int, large: float | int, small_batch: float | int, large_batch: float | int
) -> NoiseScale:
    r"""The two unknowns from two mean squared lengths of gradients, `small` at batches of b texts.

    |G|^2 = (B large - b small) / (B - b),    S = (small - large) / (1/b - 1/B)

    (McCandlish et al. 2018, appendix A.1.) Both are unbiased, their ratio is not: average the
    squared lengths of many steps first.
    """
    if not 0 < small_batch < large_batch:
        raise BadInput(f"two batch sizes are wanted, got {small_batch} and {large_batch}")
    truth = (large_batch * large - small_batch * small) / (large_batch - small_batch)
    noise = (small - large) / (1 / small_batch - 1 / large_batch)
    return NoiseScale(truth, noise)


def micro_batch_noise_scale(gradients: Float[Tensor, "N P"], texts_each: int) -> NoiseScale:
    """The same from the gradients of N micro-batches, whose mean is that of one large batch."""
    small = gradients.square().sum(dim=1).mean().item()
    large = gradients.mean(dim=0).square().sum().item()
    return noise_scale(small, large, float(texts_each), float(texts_each * len(gradients)))


def step_efficiency(batch: float | int, noise_batch: float | int) -> float:
    r"""How much of the progress of a noiseless step a step with this batch makes.

    1 / (1 + B_noise / B)    (McCandlish et al. 2018, section 2.2)
    """
    return 1 / (1 + noise_batch / batch)


def linear_scaling(rate: float | int, batch: float | int, new_batch: float | int) -> float:
    r"""The rate for another batch size: rate k at batch k B (Goyal et al. 2017, section 2.1).

    For plain gradient descent: k small steps and one step of k times the rate end in nearly the
    same place. It holds below the noise scale.
    """
    return rate * new_batch / batch


def square_root_scaling(rate: float | int, batch: float | int, new_batch: float | int) -> float:
    r"""The rate for another batch size: rate sqrt(k) at batch k B (Malladi et al. 2022).

    For Adam, which divides the gradient by its root mean square: where that is mostly noise, it
    falls as 1 / sqrt(k), so the step grows by sqrt(k) by itself, and the rate adds the rest.
    """
    return rate * math.sqrt(new_batch / batch)
