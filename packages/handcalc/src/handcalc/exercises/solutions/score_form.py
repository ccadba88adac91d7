"""The one matrix between two words."""

from handcalc.calculation import Matrix, times_transposed


def score_form(w_q: Matrix, w_k: Matrix) -> Matrix:
    """B = W_Q W_K^T, as x[t] W_Q (x[s] W_K)^T = x[t] W_Q W_K^T x[s]^T."""
    return times_transposed(w_q, w_k)
