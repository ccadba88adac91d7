"""Self-attention with one head, and multi-head attention.

head_h = attention(X W_Q,h^T, Y W_K,h^T, Y W_V,h^T),    M = concat(head_1, ..., head_H) W_O^T
(Vaswani et al. 2017, section 3.2.2)

Queries come from X, keys and values from Y: the same sequence in self-attention, another one in
cross-attention.
"""

from typing import NamedTuple

import numpy as np

from handcalc.arrays.attention import Mask, attention
from handcalc.arrays.layers import Array, Backward, linear
from handcalc.arrays.positions import Rotation, no_rotation


def self_attention(
    x: Array, w_q: Array, w_k: Array, w_v: Array, mask: Mask
) -> tuple[Array, Backward[tuple[Array, Array, Array, Array]]]:
    """Return o = attention(x W_Q^T, x W_K^T, x W_V^T), one head.

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
        # x reaches o along three paths
        return by_q + by_k + by_v, w_q_grad, w_k_grad, w_v_grad

    return o, back


class Heads(NamedTuple):
    """The weights of several heads, with an axis for the heads in each array."""

    W_Q: Array
    """H K D."""
    W_K: Array
    """H K D."""
    W_V: Array
    """H K D."""
    W_O: Array
    """D H K; a product over H and K is one over the concatenated heads."""


def multi_head_attention(
    x: Array,
    y: Array,
    w: Heads,
    mask: Mask,
    rotation: Rotation = no_rotation,
    bias: Array | float = 0.0,
) -> tuple[Array, Backward[tuple[Array, Array, Heads]]]:
    """M = concat(head_1, ..., head_H) W_O^T, with x B T D, y B S D and M B T D.

    All heads share the mask, which is T S, B T S or B 1 S. `rotation` and `bias` come from a
    `Positions`.
    """
    q, q_rotation_back = rotation(np.einsum("BTD, HKD -> BHTK", x, w.W_Q))
    k, k_rotation_back = rotation(np.einsum("BSD, HKD -> BHSK", y, w.W_K))
    v = np.einsum("BSD, HKD -> BHSK", y, w.W_V)
    o, attention_back = attention(q, k, v, mask[..., None, :, :], bias)

    def back(m_grad: Array) -> tuple[Array, Array, Heads]:
        q_grad, k_grad, v_grad = attention_back(np.einsum("BTD, DHK -> BHTK", m_grad, w.W_O))
        q_grad, k_grad = q_rotation_back(q_grad), k_rotation_back(k_grad)
        x_grad = np.einsum("BHTK, HKD -> BTD", q_grad, w.W_Q)
        # y reaches the result through keys and through values
        y_grad = np.einsum("BHSK, HKD -> BSD", k_grad, w.W_K)
        y_grad += np.einsum("BHSK, HKD -> BSD", v_grad, w.W_V)
        return x_grad, y_grad, Heads(
            W_Q=np.einsum("BHTK, BTD -> HKD", q_grad, x),
            W_K=np.einsum("BHSK, BSD -> HKD", k_grad, y),
            W_V=np.einsum("BHSK, BSD -> HKD", v_grad, y),
            W_O=np.einsum("BTD, BHTK -> DHK", m_grad, o),
        )  # fmt: skip

    return np.einsum("BHTK, DHK -> BTD", o, w.W_O), back
