"""Arithmetic on nested lists, and calculations that remember how each value was made.

A number may be a plain float, a `Number` of autograd, which knows its derivatives, or an
`Expression` of explain, which remembers its formula: every operation here works on all three. Sums
are taken from left to right, so that every Python gives the same bits.
"""

import math

TYPE_CHECKING = False
if TYPE_CHECKING:  # MicroPython, which runs this file inside a web page, has no typing module
    from collections.abc import Callable
    from typing import Any, TypeAlias, TypeGuard

Vector: "TypeAlias" = "list[float]"
Matrix: "TypeAlias" = "list[list[float]]"
Tokens: "TypeAlias" = "list[int]"
Name: "TypeAlias" = "str"
"""The name of a value in a calculation, such as W_O or S.0."""
Back: "TypeAlias" = "Callable[..., Name]"
"""A function that adds the lines of a layer's gradients: it takes the name of y.grad and those of
gradients along other paths to x, and returns the name of x.grad."""


def dot(a: Vector, b: Vector) -> float:
    """The dot product: sum over k of a[k] b[k]."""
    total = a[0] * b[0]
    for k in range(1, len(a)):
        total = total + a[k] * b[k]
    return total


def weighted_sum(weights: Vector, rows: Matrix) -> Vector:
    """y[j] = sum over k of weights[k] rows[k][j].

    It adds four rows per pass, because looping costs more than the arithmetic.
    """
    n = len(rows)
    if n < 4:
        total = [weights[0] * x for x in rows[0]]
    else:
        a, b, c, d = weights[:4]
        total = [a * w + b * x + c * y + d * z for w, x, y, z in zip(*rows[:4])]
    for k in range(4, n - 3, 4):
        a, b, c, d = weights[k : k + 4]
        total = [
            t + a * w + b * x + c * y + d * z for t, w, x, y, z in zip(total, *rows[k : k + 4])
        ]
    for k in range(n - n % 4 or 1, n):
        weight = weights[k]
        total = [t + weight * x for t, x in zip(total, rows[k])]
    return total


def transpose(a: Matrix) -> Matrix:
    """The transpose, A^T: y[j][i] = a[i][j]."""
    return [list(column) for column in zip(*a)]


def times(a: Matrix, b: Matrix) -> Matrix:
    """The product A B: y[i][j] = sum over k of a[i][k] b[k][j]."""
    return [weighted_sum(row, b) for row in a]


def times_transposed(a: Matrix, b: Matrix) -> Matrix:
    """The product A B^T: y[i][j] = sum over k of a[i][k] b[j][k]."""
    return times(a, transpose(b))


def transposed_times(a: Matrix, b: Matrix) -> Matrix:
    """The product A^T B: y[i][j] = sum over k of a[k][i] b[k][j].

    Computed as (B^T A)^T where that has the longer rows: a few long rows are added faster than many
    short ones.
    """
    if len(a[0]) > len(b[0]):
        return transpose(times(transpose(b), a))
    return times(transpose(a), b)


def plus(*matrices: Matrix) -> Matrix:
    """The sum A + B + ... of matrices of one size."""
    total = matrices[0]
    for matrix in matrices[1:]:
        total = [[x + y for x, y in zip(*rows)] for rows in zip(total, matrix)]
    return total


def column_sums(a: Matrix) -> Vector:
    """The sum of all rows: y[j] = sum over i of a[i][j]."""
    total = a[0]
    for row in a[1:]:
        total = [t + x for t, x in zip(total, row)]
    return total


def concatenate(*matrices: Matrix) -> Matrix:
    """Matrices of equal height side by side: row t holds row t of each of them."""
    return [[x for row in rows for x in row] for rows in zip(*matrices)]


def split(a: Matrix, n: int) -> "tuple[Matrix, ...]":
    """The inverse of `concatenate`: n matrices of equal width."""
    width = len(a[0]) // n
    return tuple([[row[i * width : (i + 1) * width] for row in a] for i in range(n)])


def exp(x: "Any") -> "Any":
    """The exponential function, e^x."""
    return math.exp(x) if isinstance(x, float) else x.exp()


def log(x: "Any") -> "Any":
    """The natural logarithm, ln x."""
    return math.log(x) if isinstance(x, float) else x.log()


def tanh(x: "Any") -> "Any":
    """The hyperbolic tangent, (e^x - e^-x) / (e^x + e^-x)."""
    return math.tanh(x) if isinstance(x, float) else x.tanh()


def map_numbers(function: "Callable[[Any], Any]", tensor: "Any") -> "Any":
    """Apply a function to every number of a vector or a matrix."""
    return [map_numbers(function, row) for row in tensor] if is_list(tensor) else function(tensor)


def flatten(tensor: "Any") -> "list[Any]":
    """Return the numbers of a tensor of any size as one list, row after row."""
    if not is_list(tensor):
        return [tensor]
    return [number for row in tensor for number in flatten(row)]


def is_list(tensor: "Any") -> "TypeGuard[list[Any]]":
    """Tell a vector or a matrix from a single number."""
    return isinstance(tensor, list)


class Line:
    """One line of a calculation: the names of its results, the function, and its inputs."""

    def __init__(self, names: "list[Name]", function: "Any", inputs: "tuple[Name, ...]") -> None:
        self.names = names
        self.function = function
        self.inputs = inputs

    def results(self, values: "dict[Name, Any]") -> "dict[Name, Any]":
        """Return the results by name, for these values of the inputs."""
        made: Any = self.function(*[values[name] for name in self.inputs])
        if not isinstance(made, tuple):
            made = (made,)
        return dict(zip(self.names, made))  # pyright: ignore[reportUnknownArgumentType]


class Calculation:
    """Values by name, those of the weights first, and the lines that computed them, in order.

    Values that no line computes, such as the tokens or a constant, are put into `values` directly.
    """

    def __init__(self, weights: "dict[Name, Any]") -> None:
        self.weights = list(weights)
        self.values = dict(weights)
        self.lines: list[Line] = []
        self.back: Callable[[], None] | None = None

    def line(self, name: Name, function: "Any", *inputs: Name) -> Name:
        """Compute function(inputs), store the result under this name, and return the name."""
        return self.tuple_line([name], function, *inputs)[0]

    def tuple_line(self, names: "list[Name]", function: "Any", *inputs: Name) -> "list[Name]":
        """Like `line`, for a function that returns a tuple of results."""
        line = Line(names, function, inputs)
        self.lines.append(line)
        self.values.update(line.results(self.values))
        return names

    def backward(self) -> None:
        """Add the lines of the gradients, from the loss to every weight: w.grad for a weight w.

        Raises:
            ValueError: the calculation has no loss.
        """
        if self.back is None:
            raise ValueError("this calculation has no loss to differentiate")
        self.back()

    def recalculate(self, changed: Name, result: Name) -> "Any":
        """Return the result again, by running the lines that depend on a value that has changed."""
        values, later = dict(self.values), False
        for line in self.lines:
            later = later or changed in line.inputs
            if later:
                values.update(line.results(values))
            if result in line.names:
                break
        return values[result]
