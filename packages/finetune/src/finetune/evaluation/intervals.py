r"""How far a measured number may be from the true one: intervals for shares, means and seeds.

Three questions, three intervals. A share of n items: Wilson 1927. A mean over items whose values
need not be 0 or 1: the bootstrap percentiles of Efron 1979. A mean over a few runs with different
seeds: Student 1908. An interval over items says nothing of other seeds, nor the other way round.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gpt.errors import BadInput


class Interval(NamedTuple):
    """A measured value and the range in which the true one is expected to lie."""

    estimate: float
    low: float
    high: float


def wilson_interval(share: float, n: int, level: float = 0.95) -> Interval:
    r"""The interval of a share p of n items.

    (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)    (Wilson 1927)

    z is the normal quantile, 1.96 for 95 %. It stays within [0, 1], and 0 of n is not certainty.
    Where ties count one half, p (1 - p) is the most that the variance can be: it errs on the wide
    side.
    """
    if n < 1 or not 0 <= share <= 1:
        raise BadInput(f"a share lies in [0, 1] and needs 1 item or more, got {share} of {n}")
    check_level(level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
    # at 0 and 1 rounding would leave the share outside by 1e-17
    return Interval(share, min(max(low, 0.0), share), max(min(high, 1.0), share))


def bootstrap_mean(
    values: Float[np.ndarray, " N"],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """The interval of a mean: the middle `level` of the means of resampled items (Efron 1979).

    Each resample draws N of the N items with replacement.
    """
    n = len(values)
    if n < 1:
        raise BadInput("a bootstrap needs at least one value, got none")
    check_level(level)
    means = values[rng.integers(n, size=(resamples, n))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(
    ours: Float[np.ndarray, " N"],
    theirs: Float[np.ndarray, " N"],
    rng: np.random.Generator,
    level: float = 0.95,
) -> Interval:
    """How much more ours scores than theirs on the same items, with its bootstrap interval.

    Items are hard or easy for both sides alike; the differences leave that out.
    """
    return bootstrap_mean(ours - theirs, rng, level)


def mean_over_seeds(values: Float[np.ndarray, " N"], level: float = 0.95) -> Interval:
    r"""The interval of a mean over N independent runs.

    mean -+ t s / sqrt(N),    s^2 = sum of (x - mean)^2 / (N - 1)    (Student 1908)

    t belongs to N - 1 degrees of freedom: 4.303 for three seeds at 95 %, not 1.96.
    """
    n = len(values)
    if n < 2:
        raise BadInput(f"an interval over seeds needs at least 2 of them, got {n}")
    half = student_quantile(level, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    mean = float(values.mean())
    return Interval(mean, mean - half, mean + half)


def check_level(level: float) -> None:
    """Refuse what is no probability, such as 95 for 0.95."""
    if not 0 < level < 1:
        raise BadInput(f"a level lies between 0 and 1, got {level}")


def student_quantile(level: float, freedom: int) -> float:
    """The t with P(|T| < t) = level, by bisection."""
    check_level(level)
    low, high = 0.0, 1.0
    while student_central_probability(high, freedom) < level:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high)
            if student_central_probability(middle, freedom) < level
            else (low, middle)
        )
    return high


def student_central_probability(t: float, freedom: int) -> float:
    r"""P(|T| < t) of Student's distribution, a finite sum for whole degrees of freedom.

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
