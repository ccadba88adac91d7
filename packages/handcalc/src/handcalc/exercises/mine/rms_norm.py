"""Exercise of the chapter on norms: the norm without a mean."""

from handcalc.calculation import Matrix, Vector


def rms_norm(x: Matrix, gamma: Vector, epsilon: float) -> Matrix:
    """y[t][i] = gamma[i] x[t][i] / sqrt(mean over j of x[t][j]^2 + epsilon)."""
    raise NotImplementedError
