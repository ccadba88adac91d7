"""Position schemes that fail, each with the number that shows it, and sinusoids that pass."""

import cmath
import math

import pytest

from handcalc.calculation import dot, times, transpose
from handcalc.toys.position_schemes import (
    REQUIREMENTS,
    SCHEMES,
    change_with_length,
    findings,
    largest_number,
    least_distance,
    near_and_far,
    unevenness,
)
from handcalc.toys.sinusoids import divisors, rotation, sinusoid, sinusoids

# Sines and cosines of t, t / 21.5443 and t / 464.1589, by their series in 50 decimal places.
TABLE = [
    [0.0000, 1.0000, 0.0000, 1.0000, 0.0000, 1.0000],
    [0.8415, 0.5403, 0.0464, 0.9989, 0.0022, 1.0000],
    [0.9093, -0.4161, 0.0927, 0.9957, 0.0043, 1.0000],
    [0.1411, -0.9900, 0.1388, 0.9903, 0.0065, 1.0000],
    [-0.7568, -0.6536, 0.1846, 0.9828, 0.0086, 1.0000],
    [-0.9589, 0.2837, 0.2300, 0.9732, 0.0108, 0.9999],
    [-0.2794, 0.9602, 0.2749, 0.9615, 0.0129, 0.9999],
    [0.6570, 0.7539, 0.3192, 0.9477, 0.0151, 0.9999],
    [0.9894, -0.1455, 0.3629, 0.9318, 0.0172, 0.9999],
    [0.4121, -0.9111, 0.4057, 0.9140, 0.0194, 0.9998],
]

raw_index, index_over_length, multiples, one_wave, waves = SCHEMES.values()


def close(found, expected):
    for row, known in zip(found, expected, strict=True):
        assert row == pytest.approx(known, abs=1e-12)


def test_the_divisors_of_width_six():
    assert [round(divisor, 3) for divisor in divisors(6)] == [1.0, 21.544, 464.159]
    assert divisors(4) == pytest.approx([1, 100], abs=1e-12)


def test_the_table_of_ten_positions():
    for row, known in zip(sinusoids(10, 6), TABLE, strict=True):
        assert row == pytest.approx(known, abs=5.1e-5)
    assert sinusoids(10, 6)[7] == sinusoid(7, 6)


def test_the_waves_are_points_on_circles():
    for t in (0, 1, 9, 500):
        for i, divisor in enumerate([1, 10000 ** (1 / 3), 10000 ** (2 / 3)]):
            point = cmath.exp(1j * t / divisor)
            assert sinusoid(t, 6)[2 * i : 2 * i + 2] == pytest.approx([point.imag, point.real])


@pytest.mark.parametrize("width", [1, 5, 0])
def test_a_width_without_pairs_is_refused(width):
    with pytest.raises(ValueError, match=f"not {width}"):
        sinusoid(3, width)


@pytest.mark.parametrize("k", [1, 2, 7, -3, 100])
def test_one_matrix_moves_every_row_by_k(k):
    moved = times(sinusoids(500, 6), rotation(k, 6))
    close(moved, [sinusoid(t + k, 6) for t in range(500)])


def test_moves_add_up_and_keep_lengths():
    close(times(rotation(3, 6), rotation(4, 6)), rotation(7, 6))
    identity = [[float(i == j) for j in range(6)] for i in range(6)]
    close(times(rotation(5, 6), transpose(rotation(5, 6))), identity)
    close(rotation(0, 6), identity)
    for i in range(6):  # columns of different pairs do not meet
        assert all(rotation(5, 6)[i][j] == 0 for j in range(6) if i // 2 != j // 2)


def test_the_dot_product_of_two_rows_depends_only_on_their_offset():
    for k in (1, 5, 44):
        expected = sum(math.cos(k / divisor) for divisor in divisors(6))
        for t in (0, 3, 200):
            assert dot(sinusoid(t, 6), sinusoid(t + k, 6)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("scheme", "failed"),
    [
        ("index", ["bounded", "near and far"]),
        ("index / length", ["unique", "any length", "equal steps", "near and far"]),
        ("multiples", ["bounded", "near and far"]),
        ("one wave", ["near and far"]),
        ("three waves", []),
    ],
)
@pytest.mark.parametrize("n", [64, 256])
def test_what_each_scheme_fails(scheme, failed, n):
    assert [f.requirement for f in findings(SCHEMES[scheme], n) if not f.holds] == failed


def test_every_requirement_is_failed_by_some_scheme():
    every = [finding for scheme in SCHEMES.values() for finding in findings(scheme)]
    assert {f.requirement for f in every if not f.holds} == set(REQUIREMENTS)
    for finding in every:
        assert REQUIREMENTS[finding.requirement][1](finding.number) == finding.holds


def test_the_index_grows_until_neighbours_hardly_differ():
    assert [raw_index(t, 9) for t in (0, 3)] == [[0], [3]]
    assert largest_number(raw_index, 64) == 63
    assert near_and_far(raw_index, 64)[0] == pytest.approx(1 / 63)
    assert near_and_far(raw_index, 64)[1] == pytest.approx(32 / 63)
    assert least_distance(raw_index, 64) == 1
    assert change_with_length(raw_index, 64) == unevenness(raw_index, 64) == 0


def test_a_fraction_of_the_length_means_another_position_in_every_text():
    assert index_over_length(1, 4) == index_over_length(2, 8) == [0.25]
    assert least_distance(index_over_length, 64) == 0
    assert change_with_length(index_over_length, 64) == pytest.approx(63 / 64 - 63 / 128)
    # a step of k is k/64 in the short text and k/128 in the long one: most for k = 63
    assert unevenness(index_over_length, 64) == pytest.approx(63 / 128)
    assert near_and_far(index_over_length, 64)[0] == pytest.approx(1 / 63)


def test_multiples_are_one_number_written_six_times():
    assert multiples(10, 64) == [10, 5, 1, 0.5, 0.1, 0.01]
    assert largest_number(multiples, 64) == 63
    length = math.sqrt(1 + 0.25 + 0.01 + 0.0025 + 0.0001 + 0.000001)
    assert least_distance(multiples, 64) == pytest.approx(length)
    assert near_and_far(multiples, 64)[0] == pytest.approx(length / 63)
    for t in range(1, 64):
        assert [x / t for x in multiples(t, 64)] == pytest.approx(multiples(1, 64))


def test_one_clock_hand_comes_back_after_44_positions():
    assert math.dist(one_wave(44, 64), one_wave(0, 64)) == pytest.approx(2 * abs(math.sin(22)))
    assert near_and_far(one_wave, 64)[1] == pytest.approx(2 * abs(math.sin(22)))
    assert near_and_far(one_wave, 64)[0] == pytest.approx(2 * math.sin(0.5))  # a chord of angle 1


def test_three_waves_distinguish_near_and_far_positions():
    assert near_and_far(waves, 64)[0] == pytest.approx(2 * math.sqrt(
        sum(math.sin(1 / divisor / 2) ** 2 for divisor in divisors(6))))  # fmt: skip
    assert near_and_far(waves, 64)[1] > 1.4
    assert unevenness(waves, 64) < 1e-12


def test_uneven_steps_are_found_wherever_they_are():
    assert unevenness(lambda t, n: [0.0 if t < 7 else float(t)], 9) > 0.9
    assert unevenness(lambda t, n: [math.sin(t)], 9) > 0.5


def test_largest_number_looks_below_zero_too():
    assert largest_number(lambda t, n: [-3.0 if t == 1 else 0.0], 4) == 3
