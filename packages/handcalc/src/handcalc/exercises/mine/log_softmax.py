"""Exercise of the chapter on the loss: logarithms of shares, for logits of any size."""

from handcalc.calculation import Vector


def log_softmax(logits: Vector) -> Vector:
    """The logarithms ln p[v] of the softmax p of the logits."""
    raise NotImplementedError
