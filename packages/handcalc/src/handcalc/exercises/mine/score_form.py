"""Exercise of the chapter on queries and keys: the one matrix between two words."""

from handcalc.calculation import Matrix


def score_form(w_q: Matrix, w_k: Matrix) -> Matrix:
    """Return B such that x[t] B x[s]^T is the score of the query of t with the key of s.

    Both matrices are inputs x outputs: q = x W_Q, k = x W_K.
    """
    raise NotImplementedError
