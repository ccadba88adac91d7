"""Attention with weights: one head, then several side by side.

head_h = attention(X W_Q,h^T, Y W_K,h^T, Y W_V,h^T),    M = concat(head_1, ..., head_H) W_O^T
(Vaswani et al. 2017, section 3.2.2)

Queries come from X, keys and values from Y: the same sequence in self-attention, another one in
cross-attention.
"""

from typing import NamedTuple

import numpy as np

from handcalc.arrays.attention import Mask, attention
from handcalc.arrays.layers import Array, Back, linear
from handcalc.arrays.positions import Turn, unturned


def self_attention(
    x: Array, w_q: Array, w_k: Array, w_v: Array, mask: Mask
) -> tuple[Array, Back[tuple[Array, Array, Array, Array]]]:
    """One head that looks at its own sequence.

    x is B T D, each matrix K D, the mask T T or B T T, the result B T K.
    """
    q, q_back = linear(x, w_q)
    k, k_back = linear(x, w_k)
    v, v_back = linear(x, w_v)
    o, attention_back = attention(q, k, v, mask)

    def back(o_grad: Array) -> tuple[Array, Array, Array, Array]:
        q_grad, k_grad, v_grad = attention_back(o_grad)
        by_q, w_q_grad = q_back(q_grad)
        by_k, w_k_grad = k_back(k_grad)
        by_v, w_v_grad = v_back(v_grad)
        # x reaches o by three ways
        return by_q + by_k + by_v, w_q_grad, w_k_grad, w_v_grad

    return o, back


class Heads(NamedTuple):
    """The weights of several heads: what is outputs x inputs elsewhere has an axis of heads too."""

    W_Q: Array
    """H K D."""
    W_K: Array
    """H K D."""
    W_V: Array
    """H K D."""
    W_O: Array
    """D H K: to multiply by it is to put the heads side by side first."""


def multi_head_attention(
    x: Array,
    y: Array,
    w: Heads,
    mask: Mask,
    turn: Turn = unturned,
    bias: Array | float = 0.0,
) -> tuple[Array, Back[tuple[Array, Array, Heads]]]:
    """Each row of x (B T D) gathers from the rows of y (B S D) in every head; the result is B T D.

    All heads share the mask, which is T S, B T S or B 1 S. `turn` and `bias` are those of
    `positions`.
    """
    q, q_turned_back = turn(np.einsum("BTD, HKD -> BHTK", x, w.W_Q))
    k, k_turned_back = turn(np.einsum("BSD, HKD -> BHSK", y, w.W_K))
    v = np.einsum("BSD, HKD -> BHSK", y, w.W_V)
    o, attention_back = attention(q, k, v, mask[..., None, :, :], bias)

    def back(m_grad: Array) -> tuple[Array, Array, Heads]:
        q_grad, k_grad, v_grad = attention_back(np.einsum("BTD, DHK -> BHTK", m_grad, w.W_O))
        q_grad, k_grad = q_turned_back(q_grad), k_turned_back(k_grad)
        x_grad = np.einsum("BHTK, HKD -> BTD", q_grad, w.W_Q)
        # y reaches the result by keys and by values
        y_grad = np.einsum("BHSK, HKD -> BSD", k_grad, w.W_K)
        y_grad += np.einsum("BHSK, HKD -> BSD", v_grad, w.W_V)
        return x_grad, y_grad, Heads(
            W_Q=np.einsum("BHTK, BTD -> HKD", q_grad, x),
            W_K=np.einsum("BHSK, BSD -> HKD", k_grad, y),
            W_V=np.einsum("BHSK, BSD -> HKD", v_grad, y),
            W_O=np.einsum("BTD, BHTK -> DHK", m_grad, o),
        )  # fmt: skip

    return np.einsum("BHTK, DHK -> BTD", o, w.W_O), back
