"""What does the clock say?"""

import math

from handcalc.toys.sinusoids import divisors


def read_position(row: list[float]) -> int:
    """The slow hand's angle, from 0 to a full turn, times its divisor."""
    sine, cosine = row[-2:]
    angle = math.atan2(sine, cosine) % (2 * math.pi)
    return round(angle * divisors(len(row))[-1])
