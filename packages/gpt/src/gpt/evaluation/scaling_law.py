r"""A scaling law: how the loss falls with the number of parameters, fitted to a few small models.

L(N) = E + A / N^alpha    (Hoffmann et al. 2022, eq. 2, with a fixed number of training tokens)

E is the loss of an infinitely large model trained on the same tokens. It therefore contains the
entropy of the text and their term B / D^beta for D tokens, which models of equal data share.

Departure: they minimise a Huber loss on log L with L-BFGS from many starting points. Here alpha is
taken from a grid; for a given alpha the law is linear in E and A, which have a closed form.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gpt.errors import BadInput

ALPHAS = np.arange(1, 401) / 200  # 0.005 to 2; Hoffmann et al. find 0.34, Kaplan et al. 0.076


class PowerLaw(NamedTuple):
    """L(N) = E + A / N^alpha."""

    floor: float
    """E: the loss that no size of model falls below, in nats."""
    coefficient: float
    """A, in nats."""
    alpha: float
    """Exponent: doubling N divides the part of the loss above the floor by 2^alpha."""

    def loss(self, n_parameters: int) -> float:
        """Return the loss that the law predicts for a model of this size."""
        return self.floor + self.coefficient * n_parameters**-self.alpha


def fit_power_law(n_parameters: Sequence[int], losses: Sequence[float]) -> PowerLaw:
    """Return the law with the smallest sum of squared errors, with E and A not below 0.

    Raises:
        BadInput: fewer than three different sizes, or a size or loss that is not positive.
    """
    check_measurements(n_parameters, losses)
    sizes, measured = np.array(n_parameters, float), np.array(losses, float)
    laws = [fit_floor_and_coefficient(sizes, measured, float(alpha)) for alpha in ALPHAS]

    def squared_error(law: PowerLaw) -> float:
        fitted = [law.loss(size) for size in n_parameters]
        return float(np.square(np.array(fitted) - measured).sum())

    return min(laws, key=squared_error)


def fit_floor_and_coefficient(
    sizes: Float[np.ndarray, " N"], losses: Float[np.ndarray, " N"], alpha: float
) -> PowerLaw:
    """Return E and A by linear least squares of the losses on N^-alpha."""
    # divided by its mean, so that the sums below keep their precision for large sizes
    unit = float(np.mean(sizes**-alpha))
    x = sizes**-alpha / unit
    centred = x - x.mean()
    slope = max(float(centred @ losses / (centred @ centred)), 0.0)
    floor = float(losses.mean() - slope * x.mean())
    if floor < 0:  # the best fit with E = 0
        floor, slope = 0.0, float(x @ losses / (x @ x))
    return PowerLaw(floor, slope / unit, alpha)


def predict_left_out(n_parameters: Sequence[int], losses: Sequence[float]) -> list[float]:
    """Predict the loss of each model by a law that is fitted to all other models.

    Raises:
        BadInput: fewer than four different sizes, or a size or loss that is not positive.
    """
    predictions = []
    for left_out, size in enumerate(n_parameters):
        kept = [number for number in range(len(losses)) if number != left_out]
        law = fit_power_law([n_parameters[n] for n in kept], [losses[n] for n in kept])
        predictions.append(law.loss(size))
    return predictions


def check_measurements(n_parameters: Sequence[int], losses: Sequence[float]) -> None:
    """Check that a law can be fitted to the measurements.

    Raises:
        BadInput: fewer than three different sizes, or a size or loss that is not positive.
    """
    if len(n_parameters) != len(losses):
        raise BadInput(f"{len(n_parameters)} sizes need as many losses, got {len(losses)}")
    if len(set(n_parameters)) < 3:
        raise BadInput(
            f"a scaling law has three unknowns and needs at least 3 different sizes, "
            f"got {len(set(n_parameters))}"
        )
    for each in [*n_parameters, *losses]:
        if not 0 < each < math.inf:
            raise BadInput(f"sizes and losses must be positive numbers, got {each}")
