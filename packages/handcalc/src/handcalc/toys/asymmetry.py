"""Similarity is symmetric; queries and keys are not.

    similarity            X X^T            row t with row s gives what row s with row t gives
    query-key scores      (X W_Q)(X W_K)^T = X W_Q W_K^T X^T

The second has a matrix between the rows. Unless W_Q W_K^T equals its own transpose, the score of t
for s differs from the score of s for t.
"""

from handcalc.calculation import Matrix, times, times_transposed


def query_key_scores(x: Matrix, w_q: Matrix, w_k: Matrix) -> Matrix:
    """Return the dot product of every query, x[t] W_Q, with every key, x[s] W_K."""
    return times_transposed(times(x, w_q), times(x, w_k))
