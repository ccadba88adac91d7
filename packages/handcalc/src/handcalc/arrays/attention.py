"""Attention: each query takes a weighted sum of the values that its mask keeps.

A = softmax(Q K^T / sqrt(K) + bias),    O = A V    (Vaswani et al. 2017, eq. 1)

Q, K and V are the matrices of queries, B T K, keys and values, B S K; with heads, B H T K and
B H S K. The K of the shapes and of sqrt(K) is the width of a key. A mask is True where a
query may see a key. Departure from the paper: a query that may see no key gets zeros, where the
softmax of nothing would be 0 / 0.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from handcalc.arrays.layers import Array, Backward

Mask: TypeAlias = npt.NDArray[np.bool_]
LOWEST = np.finfo(np.float64).min


def causal_mask(n_positions: int) -> Mask:
    """Return a mask, T T, where a query sees keys up to its own position; combine masks with &."""
    return np.tri(n_positions, dtype=np.bool_)


def padding_mask(lengths: npt.NDArray[np.int64], n_keys: int) -> Mask:
    """Return a mask, B 1 S, where every query sees the first lengths[b] keys.

    With heads, insert their axis: mask[:, None].
    """
    return np.arange(n_keys) < lengths[:, None, None]


def softmax(scores: Array, mask: Mask) -> tuple[Array, Backward[Array]]:
    """p[i] = e^(s[i] - m) / sum over the kept j of e^(s[j] - m), where m is the largest kept score.

    Masked entries get 0, and so does a row in which everything is masked.
    """
    kept = np.where(mask, scores, LOWEST)
    powers = np.exp(kept - kept.max(axis=-1, keepdims=True)) * mask
    # the largest kept score adds e^0 = 1 to the sum, so only an empty row has a sum below 1
    p = powers / np.maximum(powers.sum(axis=-1, keepdims=True), 1.0)
    # s.grad = J^T p.grad:  s.grad[i] = p[i] (p.grad[i] - sum over j of p.grad[j] p[j])
    return p, lambda p_grad: p * (p_grad - (p_grad * p).sum(axis=-1, keepdims=True))


def attention_weights(
    q: Array, k: Array, mask: Mask, bias: Array | float = 0.0
) -> tuple[Array, Backward[tuple[Array, Array]]]:
    """A = softmax(Q K^T / sqrt(K) + bias)."""
    root = np.sqrt(q.shape[-1])
    scores = np.einsum("...TK, ...SK -> ...TS", q, k) / root + bias
    a, softmax_back = softmax(scores, mask)

    def back(a_grad: Array) -> tuple[Array, Array]:
        # Q.grad = QK.grad K,  K.grad = QK.grad^T Q
        qk_grad = softmax_back(a_grad) / root
        q_grad = np.einsum("...TS, ...SK -> ...TK", qk_grad, k)
        return q_grad, np.einsum("...TS, ...TK -> ...SK", qk_grad, q)

    return a, back


def attention(
    q: Array, k: Array, v: Array, mask: Mask, bias: Array | float = 0.0
) -> tuple[Array, Backward[tuple[Array, Array, Array]]]:
    """Return O = A V, the weighted sum of the values for each query."""
    a, weights_back = attention_weights(q, k, mask, bias)

    def back(o_grad: Array) -> tuple[Array, Array, Array]:
        # A.grad = O.grad V^T,  V.grad = A^T O.grad
        a_grad = np.einsum("...TK, ...SK -> ...TS", o_grad, v)
        v_grad = np.einsum("...TS, ...TK -> ...SK", a, o_grad)
        return *weights_back(a_grad), v_grad

    return np.einsum("...TS, ...SK -> ...TK", a, v), back
