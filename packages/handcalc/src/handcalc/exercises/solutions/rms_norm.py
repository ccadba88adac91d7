"""The norm without a mean    (Zhang and Sennrich 2019, eq. 4)."""

import math

from handcalc.calculation import Matrix, Vector, dot


def rms_norm(x: Matrix, gamma: Vector, epsilon: float) -> Matrix:
    """y[t][i] = gamma[i] x[t][i] / sqrt(mean over j of x[t][j]^2 + epsilon)."""
    roots = [math.sqrt(dot(row, row) / len(row) + epsilon) for row in x]
    return [
        [gain * each / root for gain, each in zip(gamma, row, strict=True)]
        for row, root in zip(x, roots, strict=True)
    ]
