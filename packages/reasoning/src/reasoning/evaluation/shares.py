r"""The interval of a share that was counted on independent problems, one answer each.

A bootstrap cannot say how far a share of 0 or 1 may be from the truth, since every draw has the
same share again. Wilson's interval can: it holds the shares p for which the one that was counted
lies within z standard errors sqrt(p (1 - p) / n) (Wilson 1927).
"""

import math

from gpt.errors import BadInput

Z_95 = 1.959964
"""Standard errors on each side of a 95 % interval."""


def wilson_interval(n_true: int, n: int) -> tuple[float, float]:
    r"""Return the 95 % interval of a share of `n_true` in `n`.

    (s + z^2 / 2n +- z sqrt(s (1 - s) / n + z^2 / 4n^2)) / (1 + z^2 / n)    with s = n_true / n

    Raises:
        BadInput: the numbers are not 0 <= n_true <= n and 0 < n.
    """
    if not 0 <= n_true <= n or n == 0:
        raise BadInput(f"{n_true} of {n} is no share")
    share, z2 = n_true / n, Z_95**2
    centre = share + z2 / (2 * n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)
    return max(low, 0.0), min(high, 1.0)
