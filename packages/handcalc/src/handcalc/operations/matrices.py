"""Vectors and matrices as nested lists, and the few operations that a transformer needs.

The elements may be anything that can be added and multiplied: plain floats, the numbers of
`autograd` that know their derivatives, or those of `explain` that remember where they came from.
Sums are taken from left to right, so that every Python gives the same bits.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:  # MicroPython, which runs this file inside a web page, has no typing module
    from collections.abc import Callable
    from typing import Any, TypeAlias, TypeGuard

Vector: "TypeAlias" = "list[float]"
Matrix: "TypeAlias" = "list[list[float]]"


def dot(a: Vector, b: Vector) -> float:
    """The sum of a[k] b[k]."""
    total = a[0] * b[0]
    for k in range(1, len(a)):
        total = total + a[k] * b[k]
    return total


def transpose(a: Matrix) -> Matrix:
    """Rows become columns: y[j][i] = a[i][j]."""
    return [list(column) for column in zip(*a)]


def times(a: Matrix, b: Matrix) -> Matrix:
    """The product A B: y[i][j] = sum over k of a[i][k] b[k][j]."""
    return [mixed(row, b) for row in a]


def mixed(weights: Vector, rows: Matrix) -> Vector:
    """Rows, each times its weight, added up: y[j] = sum over k of weights[k] rows[k][j].

    Four rows at a time: the loop of a list comprehension costs more than the arithmetic in it.
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


def times_transposed(a: Matrix, b: Matrix) -> Matrix:
    """The product A B^T: y[i][j] = sum over k of a[i][k] b[j][k]."""
    return times(a, transpose(b))


def transposed_times(a: Matrix, b: Matrix) -> Matrix:
    """The product A^T B: y[i][j] = sum over k of a[k][i] b[k][j].

    As (B^T A)^T where that has the longer rows: few long rows are mixed faster than many short.
    """
    if len(a[0]) > len(b[0]):
        return transpose(times(transpose(b), a))
    return times(transpose(a), b)


def plus(*matrices: Matrix) -> Matrix:
    """A + B + ...: matrices of one size, added element by element."""
    total = matrices[0]
    for matrix in matrices[1:]:
        total = [[x + y for x, y in zip(*rows)] for rows in zip(total, matrix)]
    return total


def column_sums(a: Matrix) -> Vector:
    """The rows added up: y[j] = sum over i of a[i][j]."""
    total = a[0]
    for row in a[1:]:
        total = [t + x for t, x in zip(total, row)]
    return total


def side_by_side(*matrices: Matrix) -> Matrix:
    """Matrices with as many rows each, glued into one: row t holds row t of all of them."""
    return [[x for row in rows for x in row] for rows in zip(*matrices)]


def split(a: Matrix, n: int) -> "tuple[Matrix, ...]":
    """The opposite of `side_by_side`: n matrices of equal width."""
    width = len(a[0]) // n
    return tuple([[row[i * width : (i + 1) * width] for row in a] for i in range(n)])


def each(function: "Callable[[Any], Any]", tensor: "Any") -> "Any":
    """A function of every number of a vector or a matrix."""
    return [each(function, part) for part in tensor] if is_list(tensor) else function(tensor)


def is_list(tensor: "Any") -> "TypeGuard[list[Any]]":
    """Whether it has parts, or is a number."""
    return isinstance(tensor, list)
