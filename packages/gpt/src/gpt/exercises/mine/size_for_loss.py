"""Exercise of the chapter on diagnosis and scaling: how large must a model be?"""

from gpt.evaluation.scaling_law import PowerLaw


def size_for_loss(law: PowerLaw, loss: float) -> float:
    """Return the number of parameters at which the law predicts this loss.

    A loss that no size reaches needs infinitely many.
    """
    raise NotImplementedError
