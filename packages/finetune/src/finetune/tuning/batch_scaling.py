r"""Find the largest useful batch size, and the learning rate that goes with a batch size.

The gradient of a batch of B texts is the true gradient plus noise whose variance falls as 1 / B:

E |g_B|^2 = |G|^2 + S / B    (McCandlish et al. 2018, "An Empirical Model of Large-Batch Training",
                              appendix A.1)

S is the variance of one text's gradient, summed over all weights. At B = S / |G|^2, the noise scale
(eq. 2.9), noise and true gradient have the same length. Far below it, doubling the batch makes a
step nearly twice as useful; far above it, it gains almost nothing.
"""

import math
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from gpt.errors import BadInput


class NoiseScale(NamedTuple):
    """Noise of the gradient, estimated from two batch sizes."""

    gradient_norm_squared: float
    """|G|^2, the squared length of the true gradient."""
    noise_variance: float
    """S, the variance of the gradient of one text."""

    @property
    def batch_size(self) -> float:
        """Noise scale S / |G|^2, in texts; infinite if the estimate of |G|^2 is not positive."""
        if self.gradient_norm_squared <= 0:
            return math.inf
        return self.noise_variance / self.gradient_norm_squared


def noise_scale(
    small: float | int, large: float | int, small_batch: float | int, large_batch: float | int
) -> NoiseScale:
    r"""Solve for both unknowns, given the mean squared gradient lengths at two batch sizes b < B.

    |G|^2 = (B large - b small) / (B - b),    S = (small - large) / (1/b - 1/B)

    (McCandlish et al. 2018, appendix A.1.) Both estimates are unbiased, but their ratio is not:
    average the squared lengths of many steps first.
    """
    if not 0 < small_batch < large_batch:
        raise BadInput(f"need 0 < small_batch < large_batch, got {small_batch} and {large_batch}")
    gradient_norm_squared = (large_batch * large - small_batch * small) / (
        large_batch - small_batch
    )
    noise_variance = (small - large) / (1 / small_batch - 1 / large_batch)
    return NoiseScale(gradient_norm_squared, noise_variance)


def micro_batch_noise_scale(gradients: Float[Tensor, "N P"], texts_each: int) -> NoiseScale:
    """Estimate from the gradients of N micro-batches, whose mean is that of one large batch."""
    small = gradients.square().sum(dim=1).mean().item()
    large = gradients.mean(dim=0).square().sum().item()
    return noise_scale(small, large, float(texts_each), float(texts_each * len(gradients)))


def step_efficiency(batch: float | int, critical_batch: float | int) -> float:
    r"""Return the progress of a step with this batch, as a share of a noiseless step's progress.

    1 / (1 + B_noise / B)    (McCandlish et al. 2018, section 2.2)
    """
    return 1 / (1 + critical_batch / batch)


def linear_scaling(rate: float | int, batch: float | int, new_batch: float | int) -> float:
    r"""Scale the learning rate with the batch size: by k for k times the batch.

    For plain gradient descent, below the noise scale: k small steps and one step at k times the
    rate end at nearly the same weights (Goyal et al. 2017, section 2.1).
    """
    return rate * new_batch / batch


def square_root_scaling(rate: float | int, batch: float | int, new_batch: float | int) -> float:
    r"""Scale the learning rate with the root of the batch size: sqrt(k) for k times the batch.

    For Adam, which divides the gradient by its root mean square (Malladi et al. 2022). If that is
    mostly noise, it falls as 1 / sqrt(k), so the step already grows by sqrt(k), and a rate sqrt(k)
    times as large makes up the rest.
    """
    return rate * math.sqrt(new_batch / batch)
