"""Exercise of the chapter on the loss: logarithms of a softmax, for logits of any size."""

from handcalc.calculation import Vector


def log_softmax(logits: Vector) -> Vector:
    """Return the logarithms ln p[v] of the softmax p of the logits."""
    raise NotImplementedError
