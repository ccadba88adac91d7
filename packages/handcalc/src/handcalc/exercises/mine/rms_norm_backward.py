"""Exercise of the chapter on the first half of the backward pass: a norm without a mean."""

from handcalc.calculation import Vector


def rms_norm_backward(x: Vector, epsilon: float, z_grad: Vector) -> Vector:
    """x.grad from z.grad, where z = x / sqrt(mean of x^2 + epsilon)."""
    raise NotImplementedError
