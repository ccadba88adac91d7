"""Schemes that encode the position of a word, and five requirements, each measured as a number.

A scheme makes the row of position t in a text of n words. The first three are what one thinks of
first. They fail, and so does a single wave; three waves, the `sinusoids` of width 6, pass.
Distances are Euclidean, d(a, b) = sqrt(sum of (a[i] - b[i])^2).
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from handcalc.calculation import Vector
from handcalc.toys.sinusoids import sinusoid

Scheme = Callable[[int, int], Vector]

MULTIPLIERS = [1.0, 0.5, 0.1, 0.05, 0.01, 0.001]
TINY = 1e-9  # as good as zero, with rounding
BOUND = 1.0  # about as large as the entries of an embedding may be
VISIBLE = 0.1  # a difference, relative to the largest number


SCHEMES: dict[str, Scheme] = {
    "index": lambda t, n: [float(t)],
    "index / length": lambda t, n: [t / n],
    "multiples": lambda t, n: [t * multiplier for multiplier in MULTIPLIERS],
    "one wave": lambda t, n: sinusoid(t, 2),  # sin t, cos t: a clock with one hand
    "three waves": lambda t, n: sinusoid(t, 6),  # clocks of three speeds
}


def least_distance(scheme: Scheme, n: int) -> float:
    """Unique: return the least distance of rows of two positions, in texts of n and of 2n words."""
    rows = [scheme(t, n) for t in range(n)]
    others = [scheme(t, 2 * n) for t in range(2 * n)]
    return min(
        math.dist(row, other)
        for t, row in enumerate(rows)
        for s, other in enumerate(others)
        if s != t
    )


def largest_number(scheme: Scheme, n: int) -> float:
    """Bounded: return the largest absolute value in all rows."""
    return max(abs(x) for t in range(n) for x in scheme(t, n))


def change_with_length(scheme: Scheme, n: int) -> float:
    """Any length: return how far a row moves at most when the text becomes twice as long."""
    return max(math.dist(scheme(t, n), scheme(t, 2 * n)) for t in range(n))


def unevenness(scheme: Scheme, n: int) -> float:
    """Equal steps: return how much the size of a step depends on the position where it starts.

    This is the largest difference of d(P[t + k], P[t]) and d(P[k], P[0]), for all t and k in texts
    of n and 2n words; P[k] and P[0] are from the short text. If it is 0, one rigid motion moves all
    rows on by k.
    """
    first = [math.dist(scheme(k, n), scheme(0, n)) for k in range(n)]
    texts = [[scheme(t, length) for t in range(length)] for length in (n, 2 * n)]
    return max(
        abs(math.dist(rows[t + k], rows[t]) - first[k])
        for rows in texts
        for k in range(1, n)
        for t in range(len(rows) - k)
    )


def near_and_far(scheme: Scheme, n: int) -> tuple[float, float]:
    """Near and far: return the least distance of neighbours, and of rows at least n/2 apart.

    Both are divided by the largest number.
    """
    rows = [scheme(t, n) for t in range(n)]
    far_pairs = [(rows[t], row) for s, row in enumerate(rows) for t in range(s - n // 2 + 1)]
    near = min(math.dist(a, b) for a, b in pairwise(rows))
    far = min(math.dist(a, b) for a, b in far_pairs)
    return near / largest_number(scheme, n), far / largest_number(scheme, n)


REQUIREMENTS: dict[str, tuple[Callable[[Scheme, int], float], Callable[[float], bool]]] = {
    "unique": (least_distance, lambda x: x > TINY),
    "bounded": (largest_number, lambda x: x <= BOUND),
    "any length": (change_with_length, lambda x: x < TINY),
    "equal steps": (unevenness, lambda x: x < TINY),
    "near and far": (lambda scheme, n: min(near_and_far(scheme, n)), lambda x: x >= VISIBLE),
}
"""The measurement of each requirement, and the condition that it must meet."""


class Finding(NamedTuple):
    """The measurement of one requirement for a scheme."""

    requirement: str
    number: float
    holds: bool


def findings(scheme: Scheme, n: int = 64) -> list[Finding]:
    """Measure all requirements in a text of n words, and in one of 2n where two are compared."""
    return [
        Finding(name, number := measure(scheme, n), good(number))
        for name, (measure, good) in REQUIREMENTS.items()
    ]
