"""The position that belongs to a row of sinusoids."""

import math

from handcalc.toys.sinusoids import divisors


def read_position(row: list[float]) -> int:
    """Return the angle of the slowest hand, from 0 to a full turn, times its divisor."""
    sine, cosine = row[-2:]
    angle = math.atan2(sine, cosine) % (2 * math.pi)
    return round(angle * divisors(len(row))[-1])
