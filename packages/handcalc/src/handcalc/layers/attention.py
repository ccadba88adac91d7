"""Causal multi-head attention: each position takes a weighted sum of its own and earlier values.

S = Q K^T / sqrt(d_k),    A = softmax of each row of S up to the diagonal,    O = A V
M = concat(O of all heads) W_O^T    (Vaswani et al. 2017, eq. 1 and sections 3.2.2 and 3.2.3)

Q, K and V are matrices of T rows of d_k numbers. Entries right of the diagonal are in the future:
there S is -inf, and A and every gradient are 0. W_Q, W_K and W_V are stored as inputs x outputs,
W_O as outputs x inputs. `c.line(name, f, *inputs)` of `calculation.py` stores f of the named inputs
under the name; `c.tuple_line` does so for an f with several results. The array versions are
`arrays/attention.py` and `arrays/heads.py`.
"""

from handcalc.calculation import (
    TYPE_CHECKING,
    Calculation,
    Matrix,
    Name,
    Vector,
    concatenate,
    dot,
    exp,
    plus,
    split,
    times,
    times_transposed,
    transpose,
    transposed_times,
    weighted_sum,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from handcalc.calculation import Back

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
    """p[i] = e^(s[i] - m) / sum over j of e^(s[j] - m), where m is the largest score.

    The probabilities add up to 1. Subtracting the largest score changes none of them and keeps the
    powers from overflowing.
    """
    largest = max(scores)
    powers = [exp(score - largest) for score in scores]
    total = powers[0]
    for power in powers[1:]:
        total = total + power
    return [power / total for power in powers]


def softmax_backward(p: Vector, p_grad: Vector) -> Vector:
    """Multiply by the Jacobian of the softmax, p[i] ([i = j] - p[j]).

    s.grad[i] = p[i] (p.grad[i] - sum over j of p.grad[j] p[j])
    """
    mean = dot(p_grad, p)
    return [probability * (gradient - mean) for probability, gradient in zip(p, p_grad)]


def attention_weights(s: Matrix) -> Matrix:
    """A[t] = softmax of S[t][0] to S[t][t]."""
    return [softmax(row[: t + 1]) + [0.0] * (len(row) - t - 1) for t, row in enumerate(s)]


def attention_weights_backward(a: Matrix, a_grad: Matrix) -> Matrix:
    """S.grad[t][s] = A[t][s] (A.grad[t][s] - A.grad[t] . A[t]) for s <= t."""
    return [
        softmax_backward(row[: t + 1], gradient[: t + 1]) + [0.0] * (len(row) - t - 1)
        for t, (row, gradient) in enumerate(zip(a, a_grad))
    ]


def weighted_values(a: Matrix, v: Matrix) -> Matrix:
    """O[t] = sum over s <= t of A[t][s] V[s]."""
    return [weighted_sum(row[: t + 1], v[: t + 1]) for t, row in enumerate(a)]


def weighted_values_backward(a: Matrix, v: Matrix, o_grad: Matrix) -> "tuple[Matrix, Matrix]":
    """A.grad[t][s] = O.grad[t] . V[s] for s <= t;  V.grad[s] = sum over t of A[t][s] O.grad[t]."""
    a_grad = [
        [dot(gradient, row) for row in v[: t + 1]] + [0.0] * (len(v) - t - 1)
        for t, gradient in enumerate(o_grad)
    ]
    v_grad = [weighted_sum(column[s:], o_grad[s:]) for s, column in enumerate(transpose(a))]
    return a_grad, v_grad


def attention(
    c: Calculation, h: int, q: Name, k: Name, v: Name
) -> "tuple[Name, Callable[[Name], tuple[Name, Name, Name]]]":
    """Add the lines of head h, O = softmax(Q K^T / sqrt(d_k)) V; `back` adds the gradients."""
    qk = c.line(f"QK.{h}", times_transposed, q, k)
    s = c.line(f"S.{h}", scaled_scores, qk, "d_k")
    a = c.line(f"A.{h}", attention_weights, s)
    o = c.line(f"O.{h}", weighted_values, a, v)

    def back(o_grad: Name) -> "tuple[Name, Name, Name]":
        """Return q.grad, k.grad and v.grad."""
        names = [a + ".grad", v + ".grad"]
        a_grad, v_grad = c.tuple_line(names, weighted_values_backward, a, v, o_grad)
        s_grad = c.line(s + ".grad", attention_weights_backward, a, a_grad)
        qk_grad = c.line(qk + ".grad", scaled_scores_backward, s_grad, "d_k")
        q_grad = c.line(q + ".grad", times, qk_grad, k)
        k_grad = c.line(k + ".grad", transposed_times, qk_grad, q)
        return q_grad, k_grad, v_grad

    return o, back


def project(x: Matrix, *weights: Matrix) -> "tuple[Matrix, ...]":
    """Q = X W_Q, K = X W_K, V = X W_V for each head: one product with all weights side by side."""
    return split(times(x, concatenate(*weights)), len(weights))


def project_backward(n_heads: int, *matrices: Matrix) -> Matrix:
    """X.grad = sum over Y = X W of Y.grad W^T, plus the gradients along other paths to X.

    The matrices are all Y.grad, then all W, then the other gradients.
    """
    n = 3 * n_heads
    product = times_transposed(concatenate(*matrices[:n]), concatenate(*matrices[n : 2 * n]))
    return plus(product, *matrices[2 * n :])


def multi_head_attention(c: Calculation, x: Name) -> "tuple[Name, Back]":
    """Add the lines of M = concat(O of all heads) W_O^T; `back` adds those of the gradients."""
    n: int = c.values["n_heads"]
    names = [f"{letter}.{h}" for letter in "QKV" for h in range(n)]
    weights = ["W_" + name for name in names]
    qkv = c.tuple_line(names, project, x, *weights)  # Q of all heads, then K, then V
    heads = [attention(c, h, qkv[h], qkv[n + h], qkv[2 * n + h]) for h in range(n)]
    concat = c.line("C", concatenate, *[o for o, _ in heads])
    m = c.line("M", times_transposed, concat, "W_O")

    def back(m_grad: Name, *others: Name) -> Name:
        """Return x.grad; `others` are gradients that reach x along other paths."""
        c.line("W_O.grad", transposed_times, m_grad, concat)
        concat_grad = c.line("C.grad", times, m_grad, "W_O")
        o_grads = c.tuple_line([o + ".grad" for o, _ in heads], split, concat_grad, "n_heads")
        by_head = [head_back(o_grad) for (_, head_back), o_grad in zip(heads, o_grads)]
        qkv_grads = [gradient for letter in zip(*by_head) for gradient in letter]
        for w, gradient in zip(weights, qkv_grads):
            c.line(w + ".grad", transposed_times, x, gradient)
        return c.line(x + ".grad", project_backward, "n_heads", *qkv_grads, *weights, *others)

    return m, back
