"""Central finite differences: the derivative from two values of a function, to check any formula.

df/dx = (f(x + h) - f(x - h)) / 2h, with an error that shrinks with h^2; below h = 1e-5 the rounding
of f itself, about 1e-16 / h, dominates.
"""

from collections.abc import Callable
from typing import Any

from handcalc.calculation import is_list

H = 1e-5


def differences(function: Callable[[], float], tensor: Any) -> Any:
    """Return the derivative of a function by every number of nested lists, as lists of equal shape.

    The function reads the lists themselves: each number is changed in place and then restored.
    """
    return [
        differences(function, row) if is_list(row) else difference(function, tensor, i)
        for i, row in enumerate(tensor)
    ]


def difference(function: Callable[[], float], vector: list[float], i: int) -> float:
    """Return the derivative by one number of a list."""
    x = vector[i]
    values: list[float] = []
    for moved in (x + H, x - H):
        vector[i] = moved
        values.append(function())
    vector[i] = x
    return (values[0] - values[1]) / (2 * H)
