"""Likeness is the same both ways; asking and being asked is not.

    likeness    X X^T            row t with row s gives what row s with row t gives
    asking      (X W_Q)(X W_K)^T = X W_Q W_K^T X^T

The second has a matrix between the rows. Unless W_Q W_K^T equals its own transpose, what t finds in
s differs from what s finds in t.
"""

from handcalc.operations.matrices import Matrix, times, times_transposed


def likeness(x: Matrix) -> Matrix:
    """The dot product of every row with every row."""
    return times_transposed(x, x)


def asking(x: Matrix, w_q: Matrix, w_k: Matrix) -> Matrix:
    """What the query of row t, x[t] W_Q, finds in the key of row s, x[s] W_K."""
    return times_transposed(times(x, w_q), times(x, w_k))


def asymmetry(scores: Matrix) -> float:
    """The largest difference of a score and the one the other way: scores[t][s] and [s][t]."""
    n = len(scores)
    return max([abs(scores[t][s] - scores[s][t]) for t in range(n) for s in range(n)])
