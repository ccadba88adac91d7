"""Numbers that remember how they were made, and can write it down.

They calculate like floats, in the same order, so what they write evaluates to the same bits.
"""

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias, Union

Operand: TypeAlias = Union["Expression", float]

BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}  # how strongly; names and calls bind most
NAMED = 4


class Expression:
    """A value, and either its name or the operation and the parts that made it."""

    __slots__ = ("operation", "parts", "value")

    def __init__(self, value: float, operation: str, parts: tuple[Operand, ...] = ()) -> None:
        self.value = value
        self.operation = operation
        self.parts = parts

    def __add__(self, other: Operand) -> "Expression":
        return Expression(self.value + value(other), "+", (self, other))

    def __radd__(self, other: float) -> "Expression":
        return Expression(other + self.value, "+", (other, self))

    def __sub__(self, other: Operand) -> "Expression":
        return Expression(self.value - value(other), "-", (self, other))

    def __rsub__(self, other: float) -> "Expression":
        return Expression(other - self.value, "-", (other, self))

    def __mul__(self, other: Operand) -> "Expression":
        return Expression(self.value * value(other), "*", (self, other))

    def __rmul__(self, other: float) -> "Expression":
        return Expression(other * self.value, "*", (other, self))

    def __truediv__(self, other: Operand) -> "Expression":
        return Expression(self.value / value(other), "/", (self, other))

    def __pow__(self, other: Operand) -> "Expression":
        return Expression(self.value ** value(other), "**", (self, other))

    def __gt__(self, other: Operand) -> bool:
        return self.value > value(other)

    def exp(self) -> "Expression":
        """The power e^x."""
        return Expression(math.exp(self.value), "exp", (self,))

    def log(self) -> "Expression":
        """The natural logarithm."""
        return Expression(math.log(self.value), "log", (self,))

    def tanh(self) -> "Expression":
        """The hyperbolic tangent."""
        return Expression(math.tanh(self.value), "tanh", (self,))


def value(number: Operand) -> float:
    """What it comes to."""
    return number.value if isinstance(number, Expression) else number


def named(number: Operand) -> str:
    """A leaf by its name."""
    return number.operation if isinstance(number, Expression) else repr(number)


def in_numbers(number: Operand) -> str:
    """A leaf by its value, in full."""
    return repr(value(number))


def written(number: Operand, leaf: Callable[[Operand], str]) -> str:
    """The formula, its leaves written in the given way."""
    return tied(number, leaf)[0]


def tied(number: Operand, leaf: Callable[[Operand], str]) -> tuple[str, int]:
    """The formula, and how strongly its outermost operation binds.

    A part that binds less is put in parentheses; so is one on the right that binds as much, because
    a - (b - c) is not a - b - c, and with rounding a + (b + c) is not a + b + c. Powers are read
    from the right, so there it is the other side.
    """
    if not isinstance(number, Expression) or not number.parts:
        text = leaf(number)
        return text, 0 if text.startswith("-") else NAMED
    if number.operation not in BINDING:
        return f"{number.operation}({written(number.parts[0], leaf)})", NAMED
    strength = BINDING[number.operation]
    (left, left_strength), (right, right_strength) = (tied(part, leaf) for part in number.parts)
    powers = number.operation == "**"
    if left_strength < strength + powers:
        left = f"({left})"
    if right_strength <= strength - powers:
        right = f"({right})"
    return f"{left} {number.operation} {right}", strength


def leaves(number: Operand) -> Iterator[str]:
    """The names in the formula, from left to right, as often as they stand there."""
    if isinstance(number, Expression):
        if not number.parts:
            yield number.operation
        for part in number.parts:
            yield from leaves(part)
