"""Ways to say where a word stands, and five things to ask of each, every answer a number.

A scheme makes the row of position t in a text of n words. The first three are what one thinks of
first. They fail, and so does a single wave; three waves, the `sinusoids` of width 6, pass.
Distances are those of geometry, d(a, b) = sqrt(sum of (a[i] - b[i])^2).
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from handcalc.operations.matrices import Vector
from handcalc.toys.sinusoids import sinusoid

Scheme = Callable[[int, int], Vector]

MULTIPLIERS = [1.0, 0.5, 0.1, 0.05, 0.01, 0.001]
TINY = 1e-9  # what rounding leaves of zero
BOUND = 1.0  # about as large as the entries of an embedding may be
VISIBLE = 0.1  # a difference, as a share of the largest number


def raw_index(t: int, n: int) -> Vector:
    """The position itself: t."""
    return [float(t)]


def index_over_length(t: int, n: int) -> Vector:
    """How far into the text: t / n."""
    return [t / n]


def multiples(t: int, n: int) -> Vector:
    """The position in coarse and fine: t times 1, .5, .1, .05, .01 and .001."""
    return [t * multiplier for multiplier in MULTIPLIERS]


def one_wave(t: int, n: int) -> Vector:
    """A clock with one hand: sin t, cos t."""
    return sinusoid(t, 2)


def waves(t: int, n: int) -> Vector:
    """Clocks of three speeds: the sinusoids of width 6."""
    return sinusoid(t, 6)


SCHEMES: dict[str, Scheme] = {
    "index": raw_index,
    "index / length": index_over_length,
    "multiples": multiples,
    "one wave": one_wave,
    "three waves": waves,
}


def least_distance(scheme: Scheme, n: int) -> float:
    """Unique: the least distance of rows of two positions, in texts of n words and of 2n."""
    rows = [scheme(t, n) for t in range(n)]
    others = [scheme(t, 2 * n) for t in range(2 * n)]
    return min(
        math.dist(row, other)
        for t, row in enumerate(rows)
        for s, other in enumerate(others)
        if s != t
    )


def largest_number(scheme: Scheme, n: int) -> float:
    """Bounded: the largest number in all rows, without its sign."""
    return max(abs(x) for t in range(n) for x in scheme(t, n))


def change_with_length(scheme: Scheme, n: int) -> float:
    """Any length: how far a row moves, at most, when the text grows to twice its length."""
    return max(math.dist(scheme(t, n), scheme(t, 2 * n)) for t in range(n))


def unevenness(scheme: Scheme, n: int) -> float:
    """Equal steps mean equal change: how much the size of a step depends on where it is taken.

    By how much d(P[t + k], P[t]) and d(P[k], P[0]) differ at most, for all t and k in texts of n
    and 2n words; P[k] and P[0] are always of the short one. If it is 0, one rigid motion takes all
    rows k on.
    """
    first = [math.dist(scheme(k, n), scheme(0, n)) for k in range(n)]
    texts = [[scheme(t, length) for t in range(length)] for length in (n, 2 * n)]
    return max(
        abs(math.dist(rows[t + k], rows[t]) - first[k])
        for rows in texts
        for k in range(1, n)
        for t in range(len(rows) - k)
    )


def near(scheme: Scheme, n: int) -> float:
    """The least distance of neighbours, as a share of the largest number."""
    rows = [scheme(t, n) for t in range(n)]
    return min(math.dist(a, b) for a, b in pairwise(rows)) / largest_number(scheme, n)


def far(scheme: Scheme, n: int) -> float:
    """The least distance of rows at least n/2 apart, as a share of the largest number."""
    rows = [scheme(t, n) for t in range(n)]
    pairs = [(rows[t], row) for s, row in enumerate(rows) for t in range(s - n // 2 + 1)]
    return min(math.dist(a, b) for a, b in pairs) / largest_number(scheme, n)


def near_and_far(scheme: Scheme, n: int) -> float:
    """Near and far both told apart: the lesser of the two."""
    return min(near(scheme, n), far(scheme, n))


REQUIREMENTS: dict[str, tuple[Callable[[Scheme, int], float], Callable[[float], bool]]] = {
    "unique": (least_distance, lambda x: x > TINY),
    "bounded": (largest_number, lambda x: x <= BOUND),
    "any length": (change_with_length, lambda x: x < TINY),
    "equal steps": (unevenness, lambda x: x < TINY),
    "near and far": (near_and_far, lambda x: x >= VISIBLE),
}
"""What is measured, and when it is good enough."""


class Finding(NamedTuple):
    """What was measured of a scheme for one requirement."""

    requirement: str
    number: float
    holds: bool


def findings(scheme: Scheme, n: int = 64) -> list[Finding]:
    """All five, in a text of n words and, where two texts are compared, one of 2n."""
    return [
        Finding(name, number := measure(scheme, n), good(number))
        for name, (measure, good) in REQUIREMENTS.items()
    ]
