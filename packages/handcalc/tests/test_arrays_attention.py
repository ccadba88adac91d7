"""Attention on arrays: by hand, against the lists, and by finite differences."""

import math

import pytest

pytest.importorskip("numpy", reason="numpy: needs the extra numpy")

import numpy as np
from numpy.testing import assert_allclose

from handcalc.arrays.attention import (
    attention,
    attention_weights,
    causal_mask,
    padding_mask,
    softmax,
)
from handcalc.arrays.heads import Heads, multi_head_attention, self_attention
from handcalc.arrays.positions import alibi_bias, rotary_angles, rotate
from handcalc.calculation import times, times_transposed, transposed_times
from handcalc.gradients.differences import differences
from handcalc.layers import attention as lists


def slopes(function, x, upstream):
    """Compare with finite differences of a weighted sum of the results."""
    found = differences(lambda: float((upstream * function()[0]).sum()), x.reshape(-1))
    return np.reshape(found, x.shape)


def test_masks_as_zeros_and_ones():
    causal = causal_mask(4)
    assert causal.astype(int).tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    padding = padding_mask(np.array([4, 2, 0]), 4)
    assert padding.astype(int).tolist() == [[[1, 1, 1, 1]], [[1, 1, 0, 0]], [[0, 0, 0, 0]]]
    assert (causal & padding).astype(int).tolist() == [
        [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
        [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]


def test_attention_weights_of_the_keys_that_the_mask_keeps():
    scores = np.log([[3.0, 1.0, 4.0], [3.0, 1.0, 4.0], [3.0, 1.0, 4.0]])
    mask = np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0]], dtype=bool)
    p, back = softmax(scores, mask)
    assert_allclose(p, [[3 / 8, 1 / 8, 1 / 2], [3 / 4, 1 / 4, 0], [0, 0, 0]], atol=1e-15)
    # row 1, slope of the first share weighed 1: 3/4 (1 - 3/4) and -3/4 1/4
    p_grad = np.array([[8.0, 0.0, 0.0], [16.0, 0.0, 5.0], [1.0, 2.0, 3.0]])
    assert_allclose(back(p_grad), [[15 / 8, -3 / 8, -3 / 2], [3, -3, 0], [0, 0, 0]], atol=1e-15)


def test_scores_whose_exponentials_would_overflow():
    p, _ = softmax(np.array([[5000.0, 5000.0, 9999.0]]), np.array([True, True, False]))
    assert p.tolist() == [[0.5, 0.5, 0.0]]


def test_the_backward_pass_multiplies_by_the_jacobian_of_the_softmax():
    p, back = softmax(np.log([[1.0, 1.0, 2.0]]), np.array(True))
    jacobian = np.diag(p[0]) - np.outer(p[0], p[0])  # p[i] ([i = j] - p[j])
    assert_allclose(16 * jacobian, [[3, -1, -2], [-1, 3, -2], [-2, -2, 4]], atol=1e-14)
    upstream = np.array([[0.3, -1.1, 0.7]])
    assert_allclose(back(upstream)[0], jacobian.T @ upstream[0], atol=1e-15)


def test_attention_by_hand():
    # root 4 is 2: scores ln 3 and 0, shares 3/4 and 1/4, 3/4 4 + 1/4 8 = 5
    q = np.array([[[2.0, 0.0, 0.0, 0.0]]])
    k = np.array([[[math.log(3), 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    v = np.array([[[4.0], [8.0]]])
    o, back = attention(q, k, v, np.array([[True, True]]))
    assert_allclose(o, [[[5]]], atol=1e-15)
    q_grad, k_grad, v_grad = back(np.array([[[16.0]]]))
    # A.grad 64 and 128; S.grad 3/4 1/4 (64 - 128) = -12 and 12; halved, -6 and 6
    assert_allclose(q_grad, [[[-6 * math.log(3), 0, 0, 0]]], atol=1e-14)
    assert_allclose(k_grad, [[[-12, 0, 0, 0], [12, 0, 0, 0]]], atol=1e-14)
    assert_allclose(v_grad, [[[12], [4]]], atol=1e-14)


def test_one_head_equals_that_of_the_lists():
    random = np.random.default_rng(1)
    x, o_grad = random.normal(size=(5, 6)), random.normal(size=(5, 3))
    w_q, w_k, w_v = random.normal(size=(3, 6, 3))
    o, back = self_attention(x[None], w_q.T, w_k.T, w_v.T, causal_mask(5))
    q, k, v = (times(x.tolist(), w.tolist()) for w in (w_q, w_k, w_v))
    a = lists.attention_weights(lists.scaled_scores(times_transposed(q, k), 3.0))
    assert_allclose(o[0], lists.weighted_values(a, v), rtol=0, atol=1e-12)
    a_grad, v_grad = lists.weighted_values_backward(a, v, o_grad.tolist())
    s_grad = lists.attention_weights_backward(a, a_grad)
    qk_grad = lists.scaled_scores_backward(s_grad, 3.0)
    grads = times(qk_grad, k), transposed_times(qk_grad, q), v_grad
    x_grad, *w_grads = back(o_grad[None])
    q_grad, k_grad, v_grad = map(np.array, grads)
    expected = q_grad @ w_q.T + k_grad @ w_k.T + v_grad @ w_v.T
    assert_allclose(x_grad[0], expected, rtol=0, atol=1e-12)
    for found, grad in zip(w_grads, grads, strict=True):
        assert_allclose(found.T, transposed_times(x.tolist(), grad), rtol=0, atol=1e-12)


def test_attention_by_finite_differences():
    random = np.random.default_rng(2)
    q, k, v = (
        random.normal(size=(2, 3, 2)),
        random.normal(size=(2, 4, 2)),
        random.normal(size=(2, 4, 5)),
    )
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0]], dtype=bool)
    bias, upstream = random.normal(size=(3, 4)), random.normal(size=(2, 3, 5))
    o, back = attention(q, k, v, mask, bias)
    assert not o[:, 1].any()
    for tensor, gradient in zip((q, k, v), back(upstream), strict=True):
        found = slopes(lambda: attention(q, k, v, mask, bias), tensor, upstream)
        assert_allclose(gradient, found, rtol=0, atol=1e-8)


def drawn(random, n_heads, d_head, d_model):
    """Draw the weights of two heads."""
    size = (n_heads, d_head, d_model)
    q, k, v = random.normal(scale=0.5, size=(3, *size))
    return Heads(q, k, v, random.normal(scale=0.5, size=(d_model, n_heads, d_head)))


def test_multi_head_attention_is_single_heads_concatenated_before_one_matrix():
    random = np.random.default_rng(3)
    x, w = random.normal(size=(2, 4, 6)), drawn(random, 3, 2, 6)
    m, _ = multi_head_attention(x, x, w, causal_mask(4))
    heads = [self_attention(x, w.W_Q[h], w.W_K[h], w.W_V[h], causal_mask(4))[0] for h in range(3)]
    side_by_side = np.concatenate(heads, axis=-1)
    assert_allclose(m, side_by_side @ w.W_O.reshape(6, 6).T, rtol=0, atol=1e-12)


def test_several_heads_by_finite_differences():
    random = np.random.default_rng(4)
    x, y, w = random.normal(size=(2, 3, 4)), random.normal(size=(2, 5, 4)), drawn(random, 2, 2, 4)
    mask, upstream = padding_mask(np.array([5, 2]), 5), random.normal(size=(2, 3, 4))
    _, back = multi_head_attention(x, y, w, mask)
    x_grad, y_grad, w_grad = back(upstream)
    for tensor, gradient in zip((x, y, *w), (x_grad, y_grad, *w_grad), strict=True):
        found = slopes(lambda: multi_head_attention(x, y, w, mask), tensor, upstream)
        assert_allclose(gradient, found, rtol=0, atol=1e-8)
    assert not y_grad[1, 2:].any()  # padding has no influence


def test_several_heads_with_positions_by_finite_differences():
    random = np.random.default_rng(5)
    x, w, upstream = (
        random.normal(size=(1, 4, 6)),
        drawn(random, 3, 2, 6),
        random.normal(size=(1, 4, 6)),
    )
    angles, bias = rotary_angles(4, 2), alibi_bias(4, 3)

    def both():
        return multi_head_attention(x, x, w, causal_mask(4), lambda q: rotate(q, angles), bias)

    by_queries, by_keys_and_values, w_grad = both()[1](upstream)
    assert_allclose(by_queries + by_keys_and_values, slopes(both, x, upstream), rtol=0, atol=1e-8)
    for tensor, gradient in zip(w, w_grad, strict=True):
        assert_allclose(gradient, slopes(both, tensor, upstream), rtol=0, atol=1e-8)


def test_the_future_and_the_padding_change_nothing():
    random = np.random.default_rng(6)
    x, w = random.normal(size=(2, 5, 4)), drawn(random, 2, 2, 4)
    mask = causal_mask(5) & padding_mask(np.array([5, 3]), 5)
    before, _ = multi_head_attention(x, x, w, mask)
    changed = x.copy()
    changed[0, 3:] += 1.0
    changed[1, 3:] = 1e6
    after, _ = multi_head_attention(changed, changed, w, mask)
    assert (before[:, :3] == after[:, :3]).all()
    assert (before[0, 3:] != after[0, 3:]).all()


def test_a_query_that_may_see_no_key_gets_zeros():
    q = k = v = np.ones((1, 2, 3))
    mask = np.array([[0, 0], [1, 1]], dtype=bool)
    assert attention(q, k, v, mask)[0].tolist() == [[[0, 0, 0], [1, 1, 1]]]
    assert attention_weights(q, k, mask)[0].tolist() == [[[0, 0], [0.5, 0.5]]]
