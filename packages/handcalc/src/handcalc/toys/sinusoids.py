r"""Sinusoids for positions: each pair of columns is the hand of a clock, and each clock is slower.

P[t][2i] = sin(t / divisor[i]),    P[t][2i + 1] = cos(t / divisor[i]),    divisor[i] = 10000^(2i/D)
(Vaswani et al. 2017, section 3.5)

An offset of k positions rotates the hand of clock i by the angle k / divisor[i], whatever its
position was. So one matrix moves every row, which the paper hoped would let a model learn offsets.
"""

import math

from handcalc.calculation import Matrix, Vector

BASE = 10000.0


def divisors(width: int) -> Vector:
    """Return how much slower each clock is than 1 radian per position: divisor[i] = 10000^(2i/D).

    Raises:
        ValueError: the width is odd or below 2, so the columns do not form pairs.
    """
    if width < 2 or width % 2:
        raise ValueError(f"columns come in pairs, so the width is 2, 4, 6, ... and not {width}")
    return [BASE ** (2 * i / width) for i in range(width // 2)]


def sinusoid(t: int, width: int) -> Vector:
    """Return the row of position t: sine and cosine of t / divisor[i], pair after pair."""
    angles = [t / divisor for divisor in divisors(width)]
    return [wave(angle) for angle in angles for wave in (math.sin, math.cos)]


def sinusoids(n: int, width: int) -> Matrix:
    """Return the rows of positions 0 to n - 1."""
    return [sinusoid(t, width) for t in range(n)]


def rotation(k: int, width: int) -> Matrix:
    """Return the matrix R that moves encodings by k positions: P[t + k] = P[t] R, for every t.

    Each pair is rotated by its angle a = k / divisor[i], because
    sin(x + a) = sin x cos a + cos x sin a and cos(x + a) = cos x cos a - sin x sin a:

        (sin x, cos x)  [cos a  -sin a]  =  (sin(x + a), cos(x + a))
                        [sin a   cos a]
    """
    r = [[0.0] * width for _ in range(width)]
    for i, divisor in enumerate(divisors(width)):
        sine, cosine = math.sin(k / divisor), math.cos(k / divisor)
        r[2 * i][2 * i : 2 * i + 2] = [cosine, -sine]
        r[2 * i + 1][2 * i : 2 * i + 2] = [sine, cosine]
    return r
