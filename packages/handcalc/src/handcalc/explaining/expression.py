"""Numbers that remember the formula that made them, and can write it down.

They calculate like floats and in the same order, so the formulas evaluate to the same bits.
"""

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias, Union

Operand: TypeAlias = Union["Expression", float]

PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}
ATOM = 4  # the precedence of names and calls

Method: TypeAlias = Callable[["Expression", Operand], "Expression"]


def binary(symbol: str, calculate: Callable[[float, float], float]) -> tuple[Method, Method]:
    """Return the methods of an operator, with the expression on the left and on the right."""
    return (
        lambda self, other: Expression(calculate(self.value, value(other)), symbol, (self, other)),
        lambda self, other: Expression(calculate(value(other), self.value), symbol, (other, self)),
    )


def unary(name: str, calculate: Callable[[float], float]) -> Callable[["Expression"], "Expression"]:
    """Return the method of a function of one number."""
    return lambda self: Expression(calculate(self.value), name, (self,))


class Expression:
    """A value with either its name, or the operation and the operands that computed it."""

    __slots__ = ("operands", "operation", "value")

    def __init__(self, value: float, operation: str, operands: tuple[Operand, ...] = ()) -> None:
        self.value = value
        self.operation = operation
        self.operands = operands

    __add__, __radd__ = binary("+", lambda a, b: a + b)
    __sub__, __rsub__ = binary("-", lambda a, b: a - b)
    __mul__, __rmul__ = binary("*", lambda a, b: a * b)
    __truediv__, __rtruediv__ = binary("/", lambda a, b: a / b)
    __pow__, __rpow__ = binary("**", lambda a, b: a**b)
    exp, log, tanh = unary("exp", math.exp), unary("log", math.log), unary("tanh", math.tanh)

    def __gt__(self, other: Operand) -> bool:
        return self.value > value(other)


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
