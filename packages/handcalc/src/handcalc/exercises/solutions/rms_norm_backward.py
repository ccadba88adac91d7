"""The backward pass of a norm without a mean (Zhang and Sennrich 2019, eq. 4)."""

import math

from handcalc.calculation import Vector, dot


def rms_norm_backward(x: Vector, epsilon: float, z_grad: Vector) -> Vector:
    """x.grad[i] = (z.grad[i] - z[i] mean of (z.grad z)) / r, with z = x / r."""
    r = math.sqrt(dot(x, x) / len(x) + epsilon)
    z = [each / r for each in x]
    stretched = dot(z_grad, z) / len(z)
    return [(gradient - each * stretched) / r for gradient, each in zip(z_grad, z, strict=True)]
