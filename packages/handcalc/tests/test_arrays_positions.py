"""Position encodings: tables by hand, and the properties that they are designed for."""

import math

import pytest

pytest.importorskip("numpy", reason="numpy: needs the extra numpy")

import numpy as np
from numpy.testing import assert_allclose

from handcalc.arrays.positions import (
    Positions,
    alibi_bias,
    alibi_slopes,
    learned_rows,
    no_rotation,
    rotary_angles,
    rotate,
    rotate_interleaved,
    sinusoids,
)
from handcalc.gradients.differences import differences


def test_a_learned_table_gives_its_first_rows_and_learns_by_them():
    table = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    rows, back = learned_rows(table, 2)
    assert rows.tolist() == [[1, 2], [3, 4]]
    assert back(np.array([[0.5, 7.0], [8.0, 9.0]])).tolist() == [[0.5, 7], [8, 9], [0, 0]]
    with pytest.raises(ValueError, match="4 positions, but the table has 3 rows"):
        learned_rows(table, 4)


def test_sinusoids_by_hand():
    # D = 4: divisors 1 and 100, sine and cosine in turn
    rows = [[math.sin(t), math.cos(t), math.sin(t / 100), math.cos(t / 100)] for t in range(3)]
    assert_allclose(sinusoids(3, 4), rows, rtol=0, atol=1e-15)
    assert sinusoids(1, 5).tolist() == [[0, 1, 0, 1, 0]]


def test_an_offset_rotates_each_pair_of_sinusoids_by_one_angle_from_any_start():
    waves = sinusoids(40, 6)
    for k in (1, 7):
        for i in range(3):
            angle = k / 10_000 ** (2 * i / 6)
            c, s = math.cos(angle), math.sin(angle)
            sine, cosine = waves[:-k, 2 * i], waves[:-k, 2 * i + 1]
            assert_allclose(waves[k:, 2 * i], c * sine + s * cosine, rtol=0, atol=1e-12)
            assert_allclose(waves[k:, 2 * i + 1], c * cosine - s * sine, rtol=0, atol=1e-12)


def test_rotations_by_a_right_angle_by_hand():
    # pair 0 by a quarter, (a, b) -> (-b, a); pair 1 by a half, (a, b) -> (-a, -b)
    angles = np.array([[math.pi / 2, math.pi]])
    halves, _ = rotate(np.array([[[[1.0, 2.0, 3.0, 4.0]]]]), angles)
    assert_allclose(halves, [[[[-3, -2, 1, -4]]]], rtol=0, atol=1e-15)
    interleaved, _ = rotate_interleaved(np.array([[[[1.0, 3.0, 2.0, 4.0]]]]), angles)
    assert_allclose(interleaved, [[[[-3, 1, -2, -4]]]], rtol=0, atol=1e-15)
    assert_allclose(rotary_angles(3, 4), [[0, 0], [1, 0.01], [2, 0.02]], rtol=0, atol=1e-15)


def test_both_rotations_are_equal_up_to_the_order_of_the_rows():
    random = np.random.default_rng(1)
    x, angles = random.normal(size=(1, 5, 6)), rotary_angles(5, 8)
    w = random.normal(size=(2, 8, 6))  # H K D
    pairs, _ = rotate_interleaved(np.einsum("BTD, HKD -> BHTK", x, w), angles)
    reordered = np.concatenate([w[:, 0::2], w[:, 1::2]], axis=1)
    halves, _ = rotate(np.einsum("BTD, HKD -> BHTK", x, reordered), angles)
    expected = np.concatenate([pairs[..., 0::2], pairs[..., 1::2]], axis=-1)
    assert_allclose(halves, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", [rotate, rotate_interleaved])
def test_a_rotation_keeps_lengths_and_scores_depend_only_on_the_distance(form):
    random = np.random.default_rng(2)
    q, k = random.normal(size=(2, 1, 1, 1, 6))
    turned_q, turned_k = (form(x.repeat(9, axis=2), rotary_angles(9, 6))[0][0, 0] for x in (q, k))
    assert_allclose((turned_q**2).sum(axis=-1), (q**2).sum(), rtol=0, atol=1e-12)
    scores = turned_q @ turned_k.T
    assert_allclose(scores[1:, 1:], scores[:-1, :-1], rtol=0, atol=1e-12)
    assert abs(scores[3, 0] - scores[2, 0]) > 1e-3


@pytest.mark.parametrize("form", [rotate, rotate_interleaved])
def test_the_gradient_of_a_rotation_by_finite_differences(form):
    random = np.random.default_rng(3)
    x, upstream, angles = *random.normal(size=(2, 2, 2, 3, 4)), rotary_angles(3, 4)
    found = differences(lambda: float((upstream * form(x, angles)[0]).sum()), x.reshape(-1))
    assert_allclose(form(x, angles)[1](upstream).reshape(-1), found, rtol=0, atol=1e-8)


def test_slopes_of_any_number_of_heads():
    assert alibi_slopes(1).tolist() == [2**-8]
    assert alibi_slopes(4).tolist() == [1 / 4, 1 / 16, 1 / 64, 1 / 256]
    # four heads, then every second of the eight 1/2, 1/4, 1/8, ...
    assert alibi_slopes(6).tolist() == [1 / 4, 1 / 16, 1 / 64, 1 / 256, 1 / 2, 1 / 8]
    assert alibi_slopes(3).tolist() == [1 / 16, 1 / 256, 1 / 4]


def test_the_alibi_bias_by_hand():
    assert (16 * alibi_bias(3, 2)).tolist() == [
        [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]],
        [[0, 1 / 16, 1 / 8], [-1 / 16, 0, 1 / 16], [-1 / 8, -1 / 16, 0]],
    ]


def test_the_default_positions_have_no_effect():
    rows, turn, bias = Positions()
    x = np.array([1.0, 2.0])
    assert turn is no_rotation and turn(x)[0] is x and turn(x)[1](x) is x
    assert (x + rows + bias).tolist() == [1, 2]
