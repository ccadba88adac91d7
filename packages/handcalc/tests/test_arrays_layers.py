"""The layers on arrays: by hand, against the lists, and by finite differences."""

import math

import pytest

pytest.importorskip("numpy", reason="numpy: needs the extra numpy")

import numpy as np
from numpy.testing import assert_allclose

from handcalc.arrays.feed_forward import FeedForward, feed_forward, gelu, relu
from handcalc.arrays.layers import Norm, affine, embedding, layer_norm, linear, stack
from handcalc.arrays.loss import cross_entropy
from handcalc.gradients.differences import differences
from handcalc.layers import layer_norm as lists
from handcalc.layers.feed_forward import gelu_rows, gelu_rows_backward
from handcalc.layers.loss import loss_backward, losses, probabilities


def slopes(function, x, upstream):
    """Compare with finite differences of a weighted sum of the results."""
    found = differences(lambda: float((upstream * function()[0]).sum()), x.reshape(-1))
    return np.reshape(found, x.shape)


def test_a_matrix_by_hand():
    x, w = np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]), np.array([[7.0, 9, 11], [8.0, 10, 12]])
    y, back = linear(x, w)
    assert y.tolist() == [[[58, 64], [139, 154]]]
    x_grad, w_grad = back(np.array([[[1.0, 0.0], [0.0, 2.0]]]))
    assert x_grad.tolist() == [[[7, 9, 11], [16, 20, 24]]]
    assert w_grad.tolist() == [[1, 2, 3], [8, 10, 12]]
    y, back = affine(x, w, np.array([0.5, -4.0]))
    assert y.tolist() == [[[58.5, 60], [139.5, 150]]]
    assert back(np.array([[[1.0, 10.0], [2.0, 20.0]]]))[2].tolist() == [3, 30]


def test_the_gradient_of_a_table_sums_over_the_uses_of_each_row():
    x, back = embedding(np.array([[2, 0], [2, 2]]), np.array([[1.0], [2.0], [3.0]]))
    assert x.tolist() == [[[3], [1]], [[3], [3]]]
    assert back(np.array([[[1.0], [10.0]], [[5.0], [0.5]]])).tolist() == [[10], [0], [6.5]]


def test_layer_norm_of_a_known_row():
    x = np.array([[[0.66, -0.49, 0.97, 0.47, -0.16, 0.71]]])
    y, _ = layer_norm(x, Norm(np.ones(6), np.zeros(6)))
    assert_allclose(y[0, 0], [0.583, -1.651, 1.185, 0.214, -1.010, 0.680], rtol=0, atol=5e-4)
    y, _ = layer_norm(np.array([[[-1.0, 1.0]]]), Norm(np.array([10.0, 1.0]), np.array([0.0, -3])))
    assert_allclose(y, [[[-10, -2]]], rtol=0, atol=1e-4)  # epsilon takes 5e-6 of each


def test_layer_norm_equals_that_of_the_lists():
    random = np.random.default_rng(1)
    x, y_grad, w = (
        random.normal(size=(1, 4, 5)),
        random.normal(size=(1, 4, 5)),
        random.normal(size=(2, 5)),
    )
    y, back = layer_norm(x, Norm(*w))
    rows = x[0].tolist()
    mean = lists.means(rows)
    std = lists.standard_deviations(lists.variances(rows, mean), 1e-5)
    z, (gamma, beta) = lists.standardise(rows, mean, std), w.tolist()
    assert_allclose(y[0], lists.scale_and_shift(z, gamma, beta), rtol=0, atol=1e-12)
    z_grad, *w_grads = lists.scale_and_shift_backward(z, gamma, y_grad[0].tolist())
    x_grad, w_grad = back(y_grad)
    assert_allclose(x_grad[0], lists.standardise_backward(z, std, z_grad), rtol=0, atol=1e-12)
    assert_allclose(w_grad, w_grads, rtol=0, atol=1e-12)


def test_gelu_and_relu_equal_those_of_the_lists():
    x, y_grad = np.linspace(-3, 3, 20).reshape(4, 5), np.sin(np.arange(20.0)).reshape(4, 5)
    y, back = gelu(x)
    assert_allclose(y, gelu_rows(x.tolist()), rtol=0, atol=1e-14)
    expected = gelu_rows_backward(x.tolist(), y_grad.tolist())
    assert_allclose(back(y_grad), expected, rtol=0, atol=1e-14)
    y, back = relu(np.array([-2.0, 0.0, 3.0]))
    assert y.tolist() == [0, 0, 3] and back(np.array([5.0, 6.0, 7.0])).tolist() == [0, 0, 7]


@pytest.mark.parametrize("activation", [gelu, relu])
def test_the_feed_forward_layer_by_finite_differences(activation):
    random = np.random.default_rng(2)
    x, upstream = random.normal(size=(2, 3, 4)), random.normal(size=(2, 3, 4))
    w = FeedForward(*(random.normal(size=size) for size in ((5, 4), 5, (4, 5), 4)))
    x_grad, w_grad = feed_forward(x, w, activation)[1](upstream)
    for tensor, gradient in zip((x, *w), (x_grad, *w_grad), strict=True):
        found = slopes(lambda: feed_forward(x, w, activation), tensor, upstream)
        assert_allclose(gradient, found, rtol=0, atol=1e-8)


def test_matrices_tables_and_norms_by_finite_differences():
    random = np.random.default_rng(3)
    x, w, b = random.normal(size=(2, 3, 4)), random.normal(size=(5, 4)), random.normal(size=5)
    table, norm = random.normal(size=(6, 4)), Norm(random.normal(size=4), random.normal(size=4))
    tokens = np.array([[1, 1, 5], [0, 5, 1]])
    for tensors, function in (
        ((x, w), lambda: linear(x, w)),
        ((x, w, b), lambda: affine(x, w, b)),
        ((table,), lambda: embedding(tokens, table)),
        ((x, *norm), lambda: layer_norm(x, norm)),
    ):
        y, back = function()
        upstream = random.normal(size=y.shape)
        found = back(upstream)
        gradients = found if isinstance(found, tuple) else (found,)
        if isinstance(gradients[-1], Norm):
            gradients = gradients[0], *gradients[-1]
        for tensor, gradient in zip(tensors, gradients, strict=True):
            expected = slopes(function, tensor, upstream)
            assert_allclose(gradient, expected, rtol=0, atol=1e-8)


def test_the_loss_by_hand():
    # p = 1/4, 1/4, 1/2 everywhere; kept: the last token, then the first
    logits = np.log([[[1.0, 1, 2], [1, 1, 2], [1, 1, 2]]])
    targets, keep = np.array([[2, 1, 0]]), np.array([[True, False, True]])
    loss, back = cross_entropy(logits, targets, keep)
    assert loss == pytest.approx((math.log(2) + math.log(4)) / 2, abs=1e-15)
    assert_allclose(8 * back(), [[[1, 1, -2], [0, 0, 0], [-3, 1, 2]]], rtol=0, atol=1e-14)
    loss, _ = cross_entropy(np.array([[[1000.0, 0.0]]]), np.array([[1]]), np.array([[True]]))
    assert loss == 1000


def test_the_loss_equals_that_of_the_lists():
    logits = np.random.default_rng(4).normal(size=(1, 5, 6))
    targets, keep = np.array([[3, 4, 5, 2, 0]]), np.array([[True, True, True, True, False]])
    loss, back = cross_entropy(logits, targets, keep)
    rows = logits[0].tolist()
    assert loss == pytest.approx(np.mean(losses(rows, [3, 4, 5, 2])), abs=1e-12)
    expected = loss_backward(probabilities(rows), [3, 4, 5, 2])
    assert_allclose(back()[0], expected, rtol=0, atol=1e-12)


def test_a_loss_without_a_kept_target_is_refused():
    with pytest.raises(ValueError, match="none of 3 targets is kept"):
        cross_entropy(
            np.zeros((1, 3, 2)), np.zeros((1, 3), dtype=int), np.zeros((1, 3), dtype=bool)
        )


def test_stacked_layers_are_differentiated_in_reverse():
    def layer(x, w):  # y = w x^2
        return w * x**2, lambda y_grad: (2 * w * x * y_grad, x**2 * y_grad)

    y, back = stack(3.0, (2.0, 5.0), layer)
    assert y == 5 * (2 * 3**2) ** 2
    x_grad, w_grads = back(0.5)
    assert w_grads == (0.5 * 10 * 18 * 9, 0.5 * 18**2)
    assert x_grad == 0.5 * 10 * 18 * 4 * 3
