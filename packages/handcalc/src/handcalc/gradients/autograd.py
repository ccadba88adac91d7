"""Reverse-mode autograd in a hundred lines: numbers that know their own derivatives.

Every operation makes a new number that remembers its parents and, for each parent, the derivative
of the result by it. `backward` visits all ancestors of a result in reverse topological order and
applies the chain rule: parent.grad = sum over its children of child.grad * (d child / d parent).

Reverse-mode differentiation: Linnainmaa 1970; Baydin et al. 2018, section 3.2. The order is found
with a loop, because a recursion would run out of stack in a long calculation.
"""

import math


class Number:
    """A number, its gradient, its parents, and its local derivative by each parent."""

    __slots__ = ("derivatives", "grad", "parents", "value")

    def __init__(
        self,
        value: float,
        parents: "tuple[Number, ...]" = (),
        derivatives: "tuple[float, ...]" = (),
    ) -> None:
        self.value = value
        self.grad = 0.0
        self.parents = parents
        self.derivatives = derivatives

    def __add__(self, other: "Number | float") -> "Number":
        if isinstance(other, Number):
            return Number(self.value + other.value, (self, other), (1.0, 1.0))
        return Number(self.value + other, (self,), (1.0,))

    def __sub__(self, other: "Number | float") -> "Number":
        if isinstance(other, Number):
            return Number(self.value - other.value, (self, other), (1.0, -1.0))
        return Number(self.value - other, (self,), (1.0,))

    def __rsub__(self, other: float) -> "Number":
        return Number(other - self.value, (self,), (-1.0,))

    def __neg__(self) -> "Number":
        return self * -1.0

    def __mul__(self, other: "Number | float") -> "Number":
        if isinstance(other, Number):
            return Number(self.value * other.value, (self, other), (other.value, self.value))
        return Number(self.value * other, (self,), (other,))

    def __truediv__(self, other: "Number | float") -> "Number":
        if isinstance(other, Number):
            y = self.value / other.value
            return Number(y, (self, other), (1.0 / other.value, -y / other.value))
        return Number(self.value / other, (self,), (1.0 / other,))

    def __rtruediv__(self, other: float) -> "Number":
        return Number(other) / self

    def __pow__(self, power: float) -> "Number":
        return Number(self.value**power, (self,), (power * self.value ** (power - 1.0),))

    __radd__ = __add__
    __rmul__ = __mul__

    # `max`, which the softmax calls, compares with this
    def __gt__(self, other: "Number | float") -> bool:
        return self.value > (other.value if isinstance(other, Number) else other)

    def exp(self) -> "Number":
        """Return e^x, whose derivative is e^x."""
        y = math.exp(self.value)
        return Number(y, (self,), (y,))

    def log(self) -> "Number":
        """Return the natural logarithm, whose derivative is 1 / x."""
        return Number(math.log(self.value), (self,), (1.0 / self.value,))

    def tanh(self) -> "Number":
        """Return the hyperbolic tangent y, whose derivative is 1 - y^2."""
        y = math.tanh(self.value)
        return Number(y, (self,), (1.0 - y * y,))

    def backward(self) -> None:
        """Set `grad` of this number and its ancestors to the derivative of this number by them."""
        order = topological_order(self)
        for number in order:
            number.grad = 0.0
        self.grad = 1.0
        for number in reversed(order):
            for parent, derivative in zip(number.parents, number.derivatives):
                parent.grad += number.grad * derivative


def topological_order(result: Number) -> "list[Number]":
    """Return the result and all its ancestors, each after its own parents."""
    order: list[Number] = []
    visited: set[int] = set()
    stack = [(result, False)]
    while stack:
        number, parents_done = stack.pop()
        if parents_done:
            order.append(number)
        elif id(number) not in visited:
            visited.add(id(number))
            stack.append((number, True))
            stack += [(parent, False) for parent in number.parents]
    return order
