"""The derivative by any number, from two values of the function: a check on every formula.

df/dx = (f(x + h) - f(x - h)) / 2h, but for an error that shrinks with h^2; below 1e-5 the rounding
of f itself, about 1e-16 / h, takes over.
"""

from collections.abc import Callable
from typing import Any

from handcalc.operations.matrices import is_list

H = 1e-5


def differences(function: Callable[[], float], tensor: Any) -> Any:
    """The derivative of the function by every number of nested lists, in lists of the same form.

    The function reads the lists themselves; each number is moved, and put back.
    """
    return [
        differences(function, part) if is_list(part) else difference(function, tensor, i)
        for i, part in enumerate(tensor)
    ]


def difference(function: Callable[[], float], vector: list[float], i: int) -> float:
    """The derivative by one number of a list."""
    x = vector[i]
    values: list[float] = []
    for moved in (x + H, x - H):
        vector[i] = moved
        values.append(function())
    vector[i] = x
    return (values[0] - values[1]) / (2 * H)
