"""The size that a scaling law asks for."""

import math

from gpt.evaluation.scaling_law import PowerLaw


def size_for_loss(law: PowerLaw, loss: float) -> float:
    """Solve loss = E + A / N^alpha for N."""
    if loss <= law.floor:
        return math.inf
    return (law.coefficient / (loss - law.floor)) ** (1 / law.alpha)
