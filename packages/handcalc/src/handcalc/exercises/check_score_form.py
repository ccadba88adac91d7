"""Check the single matrix that gives the same scores as W_Q and W_K."""

import math
from collections.abc import Callable

from handcalc.calculation import Matrix, times, times_transposed
from handcalc.toys.asymmetry import query_key_scores


def check(score_form: Callable[[Matrix, Matrix], Matrix]) -> None:
    """Check a matrix by hand, then the scores of some rows."""
    w_q, w_k = [[1.0, 2.0], [0.0, 1.0]], [[3.0, 0.0], [1.0, 1.0]]
    found, expected = score_form(w_q, w_k), [[3.0, 3.0], [0.0, 1.0]]
    assert found == expected, f"of {w_q} and {w_k} it is {expected}, not {found}"

    w_q = [[math.sin(i + 2.0 * j) for j in range(2)] for i in range(3)]
    w_k = [[math.cos(3.0 * i - j) for j in range(2)] for i in range(3)]
    form = score_form(w_q, w_k)
    size = (len(form), *{len(row) for row in form})
    assert size == (3, 3), f"rows of 3 numbers meet in a matrix of 3 x 3, and yours is {size}"
    x = [[math.sin(5.0 * t + i) for i in range(3)] for t in range(4)]
    scores = times_transposed(times(x, form), x)
    for t, row in enumerate(query_key_scores(x, w_q, w_k)):
        for s, score in enumerate(row):
            assert abs(scores[t][s] - score) < 1e-12, (
                f"the query of row {t} finds {score} in row {s}, and by your matrix {scores[t][s]}"
            )
