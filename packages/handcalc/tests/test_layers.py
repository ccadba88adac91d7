"""Each layer by hand, with numbers that a pencil can follow."""

import math

import pytest

from handcalc.calculation import (
    column_sums,
    concatenate,
    dot,
    plus,
    split,
    times,
    times_transposed,
    transpose,
    transposed_times,
)
from handcalc.gradients.differences import differences
from handcalc.layers.attention import (
    FUTURE,
    attention_weights,
    scaled_scores,
    softmax,
    softmax_backward,
    weighted_values,
    weighted_values_backward,
)
from handcalc.layers.embedding import decode, embed, embed_backward, encode
from handcalc.layers.feed_forward import gelu, gelu_slope, relu, relu_slope
from handcalc.layers.layer_norm import (
    means,
    scale_and_shift,
    standard_deviations,
    standardise,
    variances,
)
from handcalc.layers.loss import loss_backward, losses

A, B = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[7.0, 8.0], [9.0, 10.0], [11.0, 12.0]]


def test_a_product_by_hand():
    assert times(A, B) == [[58, 64], [139, 154]]
    assert times_transposed(A, transpose(B)) == [[58, 64], [139, 154]]
    assert transposed_times(transpose(A), B) == [[58, 64], [139, 154]]
    assert transpose(A) == [[1, 4], [2, 5], [3, 6]]
    assert dot([1.0, 2.0], [3.0, 4.0]) == 11


@pytest.mark.parametrize("n", range(1, 13))
def test_products_of_any_length_are_sums_from_left_to_right(n):
    a = [[math.sin(7 * i + k) for k in range(n)] for i in range(2)]
    b = [[math.cos(3 * k + j) for j in range(3)] for k in range(n)]
    for i, row in enumerate(times(a, b)):
        for j, found in enumerate(row):
            total = a[i][0] * b[0][j]
            for k in range(1, n):
                total += a[i][k] * b[k][j]
            assert found == total


def test_sums_concatenation_and_splitting():
    assert plus(A, A, A) == [[3, 6, 9], [12, 15, 18]]
    assert column_sums(A) == [5, 7, 9]
    assert concatenate(A, [[0.5], [0.25]]) == [[1, 2, 3, 0.5], [4, 5, 6, 0.25]]
    assert split(concatenate(A, A), 2) == (A, A)
    assert A == [[1, 2, 3], [4, 5, 6]]  # nothing changed its arguments


def test_softmax_of_known_scores():
    assert softmax([2.1, 0.5, -1.0]) == pytest.approx([0.80, 0.16, 0.04], abs=5e-3)
    assert softmax([0.15, 0.42, 0.89]) == pytest.approx([0.227, 0.297, 0.476], abs=5e-4)
    assert softmax([220.0, 180.0, 140.0]) == pytest.approx([1, 0, 0], abs=5e-3)
    assert softmax([5000.0, 5000.0]) == [0.5, 0.5]


def test_the_jacobian_of_the_softmax():
    # p = 1/4, 1/4, 1/2: dp[j]/ds[i] = p[i] ([i = j] - p[j])
    p = [0.25, 0.25, 0.5]
    assert softmax_backward(p, [1.0, 0.0, 0.0]) == pytest.approx([3 / 16, -1 / 16, -1 / 8])
    assert softmax_backward(p, [0.0, 0.0, 1.0]) == pytest.approx([-1 / 8, -1 / 8, 1 / 4])
    assert softmax_backward(p, [7.0, 7.0, 7.0]) == [0, 0, 0]


def test_attention_sees_only_the_past():
    s = scaled_scores([[2.0, 9.0], [2 * math.log(3), 0.0]], 4.0)
    assert s == [[1.0, FUTURE], [math.log(3), 0.0]]
    a = attention_weights(s)
    assert a[0] == [1, 0] and a[1] == pytest.approx([3 / 4, 1 / 4])
    assert weighted_values(a, [[1.0], [5.0]]) == [[1], pytest.approx([2])]
    a_grad, v_grad = weighted_values_backward(a, [[1.0], [5.0]], [[10.0], [100.0]])
    assert a_grad == [[10, 0], [100, 500]]
    assert v_grad == [pytest.approx([85]), pytest.approx([25])]


def test_gelu_and_its_slope_at_known_points():
    points = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)
    known = [-0.0454, -0.1588, -0.1543, 0.3457, 0.8412, 1.9546]
    assert [gelu(x) for x in points] == pytest.approx(known, abs=5e-5)
    slopes = [-0.0861, -0.0830, 0.1326, 0.8674, 1.0830, 1.0861]
    assert [gelu_slope(x) for x in points] == pytest.approx(slopes, abs=5e-5)
    assert gelu_slope(0.0) == 0.5
    assert [relu(-2.0), relu(0.0), relu(3.0)] == [0, 0, 3]
    assert [relu_slope(-2.0), relu_slope(0.0), relu_slope(3.0)] == [0, 0, 1]


@pytest.mark.parametrize("x", [-3.0, -1.2, -0.3, 0.4, 2.5])
def test_the_slope_of_gelu_is_its_derivative(x):
    at = [x]
    assert differences(lambda: gelu(at[0]), at) == pytest.approx([gelu_slope(x)], abs=1e-9)
    assert at == [x]


def test_layer_norm_of_a_known_row():
    row = [[0.66, -0.49, 0.97, 0.47, -0.16, 0.71]]
    mean = means(row)
    variance = variances(row, mean)
    std = standard_deviations(variance, 0.0)
    assert [*mean, *variance, *std] == pytest.approx([0.36, 0.2649, 0.5147], abs=5e-5)
    z = standardise(row, mean, std)
    assert z[0] == pytest.approx([0.583, -1.651, 1.185, 0.214, -1.010, 0.680], abs=5e-4)
    assert scale_and_shift([[2.0, 3.0]], [10.0, 1.0], [0.0, -3.0]) == [[20, 0]]


def test_the_loss_by_hand():
    # probabilities 1/4, 1/4, 1/2, twice; only the first position has a target, the last token
    logits = [[0.0, 0.0, math.log(2)]] * 2
    assert losses(logits, [2]) == pytest.approx([math.log(2)])
    assert losses([[1000.0, 0.0]], [1]) == [1000]
    p = [[0.25, 0.25, 0.5]] * 2
    assert loss_backward(p, [2]) == [[0.25, 0.25, -0.5], [0, 0, 0]]
    assert loss_backward(p, [2, 0]) == [[0.125, 0.125, -0.25], [-0.375, 0.125, 0.25]]


def test_the_gradients_of_the_tables_sum_over_the_uses_of_each_row():
    token, position = [[1.0], [2.0], [3.0]], [[0.5], [0.25], [0.125], [9.0]]
    assert embed(token, position, [2, 0, 2]) == [[3.5], [1.25], [3.125]]
    token_grad, position_grad = embed_backward(token, position, [2, 0, 2], [[1.0], [10.0], [5.0]])
    assert token_grad == [[10], [0], [6]]
    assert position_grad == [[1], [10], [5], [0]]


def test_words_and_ids():
    assert encode("I like transformers") == [1, 3, 4, 5, 2]
    assert decode([1, 3, 4, 5, 2, 0]) == "I like transformers"
    with pytest.raises(ValueError, match="no 'love'; it has PAD, BOS"):
        encode("I love transformers")


def test_differences_of_any_function_of_nested_lists():
    tensor = [[1.0, 2.0], [3.0]]
    found = differences(lambda: tensor[0][0] ** 2 * tensor[1][0] + tensor[0][1], tensor)
    assert found[0] == pytest.approx([6, 1]) and found[1] == pytest.approx([1])
    assert tensor == [[1.0, 2.0], [3.0]]
