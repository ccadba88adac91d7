"""A parser for the arithmetic in answers, with limits on length, depth and size of numbers.

    sum      =  product (("+" | "-") product)*
    product  =  operand (("*" | "x" | "/") operand)*
    operand  =  number  |  "-" operand  |  "(" sum ")"

Answers come from a model, so they may be anything. They are parsed by this grammar and never
evaluated as Python; fractions keep division exact.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARACTERS = 300
MAX_DEPTH = 20
"""Parentheses and minus signs that may be open at the same time."""
MAX_NUMBER_LENGTH = 18
"""Characters of a number that is written down."""
MAX_VALUE = 10**36
"""Largest numerator or denominator of an intermediate result."""

NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
TOKEN = re.compile(rf"\s*({NUMBER.pattern}|\S)")
OPERATORS = {"+": "+", "-": "-", "\N{MINUS SIGN}": "-", "*": "*", "x": "*", "/": "/"}
OPERATORS |= {"\N{MULTIPLICATION SIGN}": "*", "\N{DIVISION SIGN}": "/"}


class ExpressionError(ValueError):
    """The text is not an expression, or exceeds a limit."""


@dataclass(frozen=True)
class Expression:
    """A number, an operation on two expressions, or a minus sign before one."""

    value: Fraction
    operator: str = ""
    """+, -, * or /; empty for a number."""
    operands: tuple["Expression", ...] = ()

    def numbers(self) -> Iterator["Expression"]:
        """Yield the numbers that are written in the expression, from left to right."""
        if not self.operands:
            yield self
        for operand in self.operands:
            yield from operand.numbers()

    def operations(self) -> Iterator["Expression"]:
        """Yield the operations, each after those that it depends on."""
        for operand in self.operands:
            yield from operand.operations()
        if self.operands:
            yield self

    def __str__(self) -> str:
        if not self.operands:
            return str(self.value)
        *left, right = (f"({each})" if each.operands else str(each) for each in self.operands)
        return " ".join([*left, self.operator, right])


def parse_expression(text: str) -> Expression:
    """Return the expression that the text spells.

    Raises:
        ExpressionError: it spells none, divides by zero, or exceeds a limit.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"{len(text)} characters are more than {MAX_CHARACTERS}")
    parser = _Parser(TOKEN.findall(text))
    expression = parser.sum(0)
    if parser.tokens:
        raise ExpressionError(f"{parser.tokens[0]!r} follows a complete expression")
    return expression


class _Parser:
    """Recursive descent over the tokens that are left."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def sum(self, depth: int) -> Expression:
        """Parse products with + or - between them, which apply from left to right."""
        left = self.product(depth)
        while operator := self.next_operator("+-"):
            left = operate(left, operator, self.product(depth))
        return left

    def product(self, depth: int) -> Expression:
        """Parse operands with * or / between them, which apply from left to right."""
        left = self.operand(depth)
        while operator := self.next_operator("*/"):
            left = operate(left, operator, self.operand(depth))
        return left

    def next_operator(self, expected: str) -> str:
        """Take the next token if it is one of the expected operators, else return ""."""
        operator = OPERATORS.get(self.tokens[0], "") if self.tokens else ""
        return OPERATORS[self.tokens.pop(0)] if operator and operator in expected else ""

    def operand(self, depth: int) -> Expression:
        """Parse a number, a negated operand or a sum in parentheses."""
        if depth > MAX_DEPTH:
            raise ExpressionError(f"more than {MAX_DEPTH} signs and parentheses are open")
        if not self.tokens:
            raise ExpressionError("it ends where a number is expected")
        token = self.tokens.pop(0)
        if NUMBER.fullmatch(token):
            if len(token) > MAX_NUMBER_LENGTH:
                raise ExpressionError(f"a number of {len(token)} characters is too long")
            return Expression(Fraction(token))
        if OPERATORS.get(token) == "-":
            negated = self.operand(depth + 1)
            return Expression(-negated.value, "-", (negated,))
        if token != "(":
            raise ExpressionError(f"{token!r} stands where a number is expected")
        inner = self.sum(depth + 1)
        if not self.tokens or self.tokens.pop(0) != ")":
            raise ExpressionError("a parenthesis is not closed")
        return inner


def operate(left: Expression, operator: str, right: Expression) -> Expression:
    """Return the expression of an operation, with its exact value.

    Raises:
        ExpressionError: it divides by zero, or its value is too large.
    """
    if operator == "/" and right.value == 0:
        raise ExpressionError("it divides by zero")
    value = {
        "+": Fraction.__add__,
        "-": Fraction.__sub__,
        "*": Fraction.__mul__,
        "/": Fraction.__truediv__,
    }[operator](left.value, right.value)
    if max(abs(value.numerator), value.denominator) > MAX_VALUE:
        raise ExpressionError("an intermediate result is too large")
    return Expression(value, operator, (left, right))
