"""Numbers that remember the formula that made them, and can write it down.

They calculate like floats and in the same order, so the formulas evaluate to the same bits.
"""

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias, Union

Operand: TypeAlias = Union["Expression", float]

PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}
ATOM = 4  # the precedence of names and calls


class Expression:
    """A value with either its name, or the operation and the operands that computed it."""

    __slots__ = ("operands", "operation", "value")

    def __init__(self, value: float, operation: str, operands: tuple[Operand, ...] = ()) -> None:
        self.value = value
        self.operation = operation
        self.operands = operands

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
        """Return e^x."""
        return Expression(math.exp(self.value), "exp", (self,))

    def log(self) -> "Expression":
        """Return the natural logarithm."""
        return Expression(math.log(self.value), "log", (self,))

    def tanh(self) -> "Expression":
        """Return the hyperbolic tangent."""
        return Expression(math.tanh(self.value), "tanh", (self,))


def value(number: Operand) -> float:
    """Return the value of an expression, or the float itself."""
    return number.value if isinstance(number, Expression) else number


def leaf_name(number: Operand) -> str:
    """Return the name of a leaf; of a plain float, its digits."""
    return number.operation if isinstance(number, Expression) else repr(number)


def leaf_value(number: Operand) -> str:
    """Return the value of a leaf with all its digits."""
    return repr(value(number))


def formula(number: Operand, leaf: Callable[[Operand], str]) -> str:
    """Return the formula of a number; `leaf` is `leaf_name` or `leaf_value`."""
    return formula_and_precedence(number, leaf)[0]


def formula_and_precedence(number: Operand, leaf: Callable[[Operand], str]) -> tuple[str, int]:
    """Return the formula and the precedence of its outermost operation.

    An operand of lower precedence gets parentheses; so does a right operand of equal precedence:
    a - (b - c) is not a - b - c, and with rounding a + (b + c) is not a + b + c. Powers associate
    to the right, so there it is the left operand.
    """
    if not isinstance(number, Expression) or not number.operands:
        text = leaf(number)
        return text, 0 if text.startswith("-") else ATOM
    if number.operation not in PRECEDENCE:
        return f"{number.operation}({formula(number.operands[0], leaf)})", ATOM
    precedence = PRECEDENCE[number.operation]
    (left, left_precedence), (right, right_precedence) = (
        formula_and_precedence(operand, leaf) for operand in number.operands
    )
    is_power = number.operation == "**"
    if left_precedence < precedence + is_power:
        left = f"({left})"
    if right_precedence <= precedence - is_power:
        right = f"({right})"
    return f"{left} {number.operation} {right}", precedence


def leaf_names(number: Operand) -> Iterator[str]:
    """Yield the names in the formula from left to right, repeated as often as they occur."""
    if isinstance(number, Expression):
        if not number.operands:
            yield number.operation
        for operand in number.operands:
            yield from leaf_names(operand)
