r"""Confidence intervals for shares, means, and means over seeds.

For a share of n items: Wilson 1927. For a mean over items: bootstrap percentiles (Efron 1979). For
a mean over a few runs with different seeds: Student 1908. An interval over items says nothing about
other seeds, and an interval over seeds says nothing about other items.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gpt.errors import BadInput


class Interval(NamedTuple):
    """A measured value and a range that contains the true value with a stated probability."""

    estimate: float
    low: float
    high: float

    def in_points(self) -> str:
        """Return a difference of two rates in percentage points, such as `+1.5 (-3.0 to +6.0)`."""
        estimate, low, high = (100 * number for number in self)
        return f"{estimate:+.1f} ({low:+.1f} to {high:+.1f})"


def wilson_interval(share: float, n: int, level: float = 0.95) -> Interval:
    r"""Compute the interval of a share p of n items.

    (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)    (Wilson 1927)

    z is the normal quantile, 1.96 for 95 %. The interval stays within [0, 1] and is not empty for 0
    of n. If ties count one half, p (1 - p) is an upper bound of the variance, so the interval is a
    little too wide.
    """
    if n < 1 or not 0 <= share <= 1:
        raise BadInput(f"a share must be in [0, 1] and of at least 1 item, got {share} of {n}")
    check_level(level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
    # at 0 and 1 rounding errors would put the share outside by 1e-17
    return Interval(share, min(max(low, 0.0), share), max(min(high, 1.0), share))


def bootstrap_mean(
    values: Float[np.ndarray, " N"],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """Compute the interval of a mean: the middle `level` of means of resampled items (Efron 1979).

    Each resample draws N of the N items with replacement.
    """
    n = len(values)
    if n < 1:
        raise BadInput("a bootstrap needs at least one value, got none")
    check_level(level)
    means = values[rng.integers(n, size=(resamples, n))].mean(axis=1)
    # in percent, since 1 - 0.95 is not 0.05 in floating point, and 50 - 50 * 0.95 is 2.5
    low, high = np.percentile(means, [50 - 50 * level, 50 + 50 * level])
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(
    ours: Float[np.ndarray, " N"],
    theirs: Float[np.ndarray, " N"],
    rng: np.random.Generator,
    level: float = 0.95,
) -> Interval:
    """Compute the mean difference of two scores on the same items, with its bootstrap interval.

    Each resample keeps both scores of an item together, so what makes an item hard for both does
    not widen the interval.
    """
    return bootstrap_mean(ours - theirs, rng, level)


def mean_over_seeds(values: Float[np.ndarray, " N"], level: float = 0.95) -> Interval:
    r"""Compute the interval of a mean over N independent runs.

    mean ± t s / sqrt(N),    s^2 = sum of (x - mean)^2 / (N - 1)    (Student 1908)

    t is the quantile of `level` with N - 1 degrees of freedom: 4.303 for three seeds at 95 %, not
    1.96.
    """
    n = len(values)
    if n < 2:
        raise BadInput(f"an interval over seeds needs at least 2 of them, got {n}")
    half = student_quantile(level, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    mean = float(values.mean())
    return Interval(mean, mean - half, mean + half)


def check_level(level: float) -> None:
    """Check that the level is a probability, not 95 for 0.95."""
    if not 0 < level < 1:
        raise BadInput(f"level must be between 0 and 1, got {level}")


def student_quantile(level: float, freedom: int) -> float:
    """Find the t with P(|T| < t) = level, by bisection."""
    check_level(level)
    low, high = 0.0, 1.0
    while student_central_probability(high, freedom) < level:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        if student_central_probability(middle, freedom) < level:
            low = middle
        else:
            high = middle
    return high


def student_central_probability(t: float, freedom: int) -> float:
    r"""Compute P(|T| < t) of Student's distribution, a finite sum for integer degrees of freedom.

    With theta = atan(t / sqrt(freedom)) (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4):

    odd:  2 / pi (theta + sin theta (cos theta + 2/3 cos^3 theta + (2 4)/(3 5) cos^5 theta + ...))
    even: sin theta (1 + 1/2 cos^2 theta + (1 3)/(2 4) cos^4 theta + ...)

    Both end with the power freedom - 2.
    """
    theta = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term, total = (math.cos(theta) if odd else 1.0), 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * math.cos(theta) ** 2
    total *= math.sin(theta)
    return 2 / math.pi * (theta + total) if odd else total
