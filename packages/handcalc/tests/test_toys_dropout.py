"""Dropout: a mask by hand, the mean of a mask, and gradients through the same mask."""

import math
import random

import pytest

from handcalc.calculation import dot, flatten
from handcalc.gradients.check import TARGETS, TOKENS
from handcalc.gradients.differences import differences
from handcalc.model.transformer import forward
from handcalc.model.weights import Shape, initial_weights
from handcalc.toys.dropout import (
    dropout,
    dropout_mask,
    forward_with_dropout,
)


def test_kept_numbers_are_scaled_up_and_dropped_ones_are_zero():
    # p = 3/4: what stays is four times as large
    mask = [[0.0, 4.0], [4.0, 0.0]]
    assert dropout([[1.0, 2.0], [3.0, 5.0]], mask) == [[0, 8], [12, 0]]
    assert dropout([[10.0, 1.0], [-1.0, 7.0]], mask) == [[0, 4], [-4, 0]]


def test_a_draw_below_p_drops():
    draw = random.Random(5).random()
    assert dropout_mask(random.Random(5), 1, 1, draw) == [[1 / (1 - draw)]]
    assert dropout_mask(random.Random(5), 1, 1, math.nextafter(draw, 1)) == [[0]]


def test_each_number_has_its_own_draw_row_after_row():
    draws = random.Random(3)
    expected = [[0 if draws.random() < 0.5 else 2 for _ in range(4)] for _ in range(3)]
    assert dropout_mask(random.Random(3), 3, 4, 0.5) == expected
    assert len({tuple(row) for row in dropout_mask(random.Random(3), 8, 16, 0.5)}) == 8


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_mean_stays_within_four_standard_errors(p):
    # a number of the mask has the mean 1 and the variance p / (1 - p)
    n = 40_000
    (row,) = dropout_mask(random.Random(0), 1, n, p)
    assert abs(math.fsum(row) / n - 1) < 4 * math.sqrt(p / (1 - p) / n)
    assert abs(row.count(0) / n - p) < 4 * math.sqrt(p * (1 - p) / n)
    assert set(row) == {0, 1 / (1 - p)}


def test_dropout_with_p_zero_changes_nothing():
    x = [[0.1, -2.0, 3.5]]
    assert dropout(x, dropout_mask(random.Random(0), 1, 3, 0.0)) == x


def test_the_backward_pass_is_the_derivative():
    x, slopes = [[0.3, -1.0, 2.0], [0.5, 0.7, -0.2]], [[1.0, -2.0, 0.5], [3.0, 0.1, 4.0]]
    mask = dropout_mask(random.Random(1), 2, 3, 0.5)
    assert any(each == 0 for row in mask for each in row) and any(mask[0] + mask[1])
    tried = differences(
        lambda: math.fsum(dot(*rows) for rows in zip(slopes, dropout(x, mask), strict=True)), x
    )
    for found, expected in zip(dropout(slopes, mask), tried, strict=True):
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("block", ["classic", "pre-ln"])
def test_a_step_with_a_mask_of_ones_is_the_step_itself(block):
    usual = forward(initial_weights(Shape(), block), TOKENS, TARGETS, block)
    ones = [[1.0] * 16 for _ in TOKENS]
    masked = forward_with_dropout(initial_weights(Shape(), block), TOKENS, TARGETS, block, ones)
    usual.backward()
    masked.backward()
    for name, value in usual.values.items():
        assert masked.values[name] == value, name


@pytest.mark.parametrize("block", ["classic", "pre-ln"])
def test_the_gradients_of_a_step_with_a_mask_are_its_derivatives(block):
    mask = dropout_mask(random.Random(0), 5, 16, 0.5)
    c = forward_with_dropout(initial_weights(Shape(), block), TOKENS, TARGETS, block, mask)
    c.backward()
    for name in ("token", "position", "E", "b_2"):
        tried = differences(lambda name=name: c.recalculate(name, "loss"), c.values[name])
        found = flatten(c.values[f"{name}.grad"])
        assert found == pytest.approx(flatten(tried), abs=1e-8), name


def test_a_dropped_number_gives_its_position_no_gradient():
    mask = dropout_mask(random.Random(0), 5, 16, 0.5)
    weights = initial_weights(Shape(), "pre-ln")
    c = forward_with_dropout(weights, TOKENS, TARGETS, "pre-ln", mask)
    c.backward()
    for t in range(4):  # what is read last has no target
        for share, slope in zip(mask[t], c.values["position.grad"][t], strict=True):
            assert (share == 0) == (slope == 0)


@pytest.mark.parametrize("p", [-0.1, 1.0, math.nan])
def test_an_invalid_probability_is_refused(p):
    with pytest.raises(ValueError, match="p must be at least 0 and below 1, got"):
        dropout_mask(random.Random(0), 1, 1, p)
