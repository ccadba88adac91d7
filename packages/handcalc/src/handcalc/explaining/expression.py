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


def formula(
    number: Operand,
    leaf: Callable[[Expression], str] = lambda leaf: leaf.operation,
    least: int = 0,
) -> str:
    """Return the formula of a number, in parentheses if its precedence is below `least`.

    `leaf` writes an expression without operands: its name, unless another form is given. A right
    operand of equal precedence gets parentheses: a - (b - c) is not a - b - c, and with rounding
    a + (b + c) is not a + b + c. Powers associate to the right, so there it is the left operand.
    """
    if not isinstance(number, Expression) or not number.operands:
        text = leaf(number) if isinstance(number, Expression) else repr(number)
        precedence = 0 if text.startswith("-") else ATOM
    elif number.operation not in PRECEDENCE:
        text, precedence = f"{number.operation}({formula(number.operands[0], leaf)})", ATOM
    else:
        precedence, is_power = PRECEDENCE[number.operation], number.operation == "**"
        left = formula(number.operands[0], leaf, precedence + is_power)
        right = formula(number.operands[1], leaf, precedence + (not is_power))
        text = f"{left} {number.operation} {right}"
    return f"({text})" if precedence < least else text


def leaf_names(number: Operand) -> Iterator[str]:
    """Yield the names in the formula from left to right, repeated as often as they occur."""
    if isinstance(number, Expression):
        if not number.operands:
            yield number.operation
        for operand in number.operands:
            yield from leaf_names(operand)
