"""Causal attention of one head: each position takes a weighted mean of itself and of those before.

S = Q K^T / sqrt(d_k),    A = softmax of each row of S up to the diagonal,    O = A V
(Vaswani et al. 2017, eq. 1 and section 3.2.3)

Q, K and V are matrices of T rows of d_k numbers. What lies right of the diagonal is the future:
there S is -inf, and A and every gradient are 0.
"""

from handcalc.operations.matrices import Matrix, Vector, dot, mixed, transpose
from handcalc.operations.scalars import exp

FUTURE = -float("inf")


def scaled_scores(qk: Matrix, d_k: float) -> Matrix:
    """S[t][s] = QK[t][s] / sqrt(d_k) for s <= t."""
    root = d_k**0.5
    return [
        [score / root for score in row[: t + 1]] + [FUTURE] * (len(row) - t - 1)
        for t, row in enumerate(qk)
    ]


def scaled_scores_backward(s_grad: Matrix, d_k: float) -> Matrix:
    """QK.grad[t][s] = S.grad[t][s] / sqrt(d_k)."""
    root = d_k**0.5
    return [
        [gradient / root for gradient in row[: t + 1]] + row[t + 1 :]
        for t, row in enumerate(s_grad)
    ]


def softmax(scores: Vector) -> Vector:
    """Shares that add up to one: p[i] = e^(s[i] - m) / sum over j of e^(s[j] - m), m the largest.

    Taking the largest away changes no share, and keeps the powers from overflowing.
    """
    largest = max(scores)
    powers = [exp(score - largest) for score in scores]
    total = powers[0]
    for power in powers[1:]:
        total = total + power
    return [power / total for power in powers]


def softmax_backward(p: Vector, p_grad: Vector) -> Vector:
    """The Jacobian of the shares, p[i] ([i = j] - p[j]), times the gradient at them.

    s.grad[i] = p[i] (p.grad[i] - sum over j of p.grad[j] p[j])
    """
    mean = dot(p_grad, p)
    return [share * (gradient - mean) for share, gradient in zip(p, p_grad)]


def attention_weights(s: Matrix) -> Matrix:
    """A[t] = softmax of S[t][0] to S[t][t]."""
    return [softmax(row[: t + 1]) + [0.0] * (len(row) - t - 1) for t, row in enumerate(s)]


def attention_weights_backward(a: Matrix, a_grad: Matrix) -> Matrix:
    """S.grad[t][s] = A[t][s] (A.grad[t][s] - A.grad[t] . A[t]) for s <= t."""
    return [
        softmax_backward(row[: t + 1], gradient[: t + 1]) + [0.0] * (len(row) - t - 1)
        for t, (row, gradient) in enumerate(zip(a, a_grad))
    ]


def gathered(a: Matrix, v: Matrix) -> Matrix:
    """O[t] = sum over s <= t of A[t][s] V[s]."""
    return [mixed(row[: t + 1], v[: t + 1]) for t, row in enumerate(a)]


def gathered_backward(a: Matrix, v: Matrix, o_grad: Matrix) -> "tuple[Matrix, Matrix]":
    """A.grad[t][s] = O.grad[t] . V[s] for s <= t;  V.grad[s] = sum over t of A[t][s] O.grad[t]."""
    a_grad = [
        [dot(gradient, row) for row in v[: t + 1]] + [0.0] * (len(v) - t - 1)
        for t, gradient in enumerate(o_grad)
    ]
    v_grad = [mixed(column[s:], o_grad[s:]) for s, column in enumerate(transpose(a))]
    return a_grad, v_grad
