import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt.errors import BadInput
from gpt.evaluation.intervals import (
    Interval,
    bootstrap_mean,
    mean_over_seeds,
    paired_difference,
    student_central_probability,
    student_quantile,
    wilson_interval,
)


def test_the_interval_of_7_in_10_by_hand():
    # z = 1.96: middle (.7 + .19207) / 1.38415, half width 1.96 sqrt(.021 + .009604) / 1.38415
    found = wilson_interval(0.7, 10)
    assert found.estimate == 0.7
    assert found.low == pytest.approx(0.6445 - 0.2477, abs=2e-4)
    assert found.high == pytest.approx(0.6445 + 0.2477, abs=2e-4)


def test_the_interval_of_0_in_10_is_not_empty():
    # with p = 0 the interval is [0, z^2 / (n + z^2)] = 3.84146 / 13.84146
    found = wilson_interval(0.0, 10)
    assert found.low == 0
    assert found.high == pytest.approx(0.27753, abs=1e-5)


@given(st.integers(1, 400), st.integers(0, 400), st.sampled_from([0.68, 0.9, 0.95, 0.99]))
def test_the_measured_share_is_z_standard_errors_from_each_bound(n, k, level):
    share, z = min(k, n) / n, {0.68: 0.994458, 0.9: 1.644854, 0.95: 1.959964, 0.99: 2.575829}
    found = wilson_interval(share, n, level)
    assert 0 <= found.low <= share <= found.high <= 1
    for bound in (found.low, found.high):
        away = z[level] * math.sqrt(bound * (1 - bound) / n)
        assert abs(share - bound) == pytest.approx(away, abs=1e-6)


@given(st.integers(1, 100), st.integers(0, 100))
def test_swapping_wins_and_losses_mirrors_the_interval(n, k):
    share = min(k, n) / n
    ours, theirs = wilson_interval(share, n), wilson_interval(1 - share, n)
    assert ours.low == pytest.approx(1 - theirs.high, abs=1e-12)


def test_wilson_contains_the_true_share_as_often_as_stated():
    rng = np.random.default_rng(0)
    found = [wilson_interval(float(share), 20) for share in rng.binomial(20, 0.1, size=4000) / 20]
    holds = [each.low <= 0.1 <= each.high for each in found]
    assert np.mean(holds) == pytest.approx(0.95, abs=0.02)


def test_the_bootstrap_of_equal_values_has_no_width_and_of_two_values_is_known():
    rng = np.random.default_rng(0)
    assert bootstrap_mean(np.full(5, 0.25), rng) == (0.25, 0.25, 0.25)
    # two values: the mean of a resample is 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4
    assert bootstrap_mean(np.array([0.0, 1.0]), rng) == (0.5, 0, 1)
    assert bootstrap_mean(np.array([0.0, 1.0]), rng, level=0.4) == (0.5, 0.5, 0.5)


def test_the_bootstrap_agrees_with_the_normal_interval_on_many_items_and_repeats_by_seed():
    values = np.random.default_rng(1).normal(size=500)
    found = bootstrap_mean(values, np.random.default_rng(0))
    half = 1.96 * values.std() / math.sqrt(500)
    assert found.estimate == pytest.approx(values.mean())
    assert found.high - found.estimate == pytest.approx(half, rel=0.1)
    assert found.estimate - found.low == pytest.approx(half, rel=0.1)
    assert found == bootstrap_mean(values, np.random.default_rng(0))
    assert found != bootstrap_mean(values, np.random.default_rng(1))


def test_a_level_of_95_percent_leaves_exactly_2_5_percent_on_each_side():
    # quantiles of (1 - 0.95) / 2 and of 0.025 differ by rounding
    for seed in range(8):
        values = np.random.default_rng(seed).normal(size=10)
        draws = np.random.default_rng(0).integers(10, size=(2000, 10))
        low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
        assert bootstrap_mean(values, np.random.default_rng(0)) == (values.mean(), low, high)


def test_pairing_removes_the_difficulty_of_the_items():
    rng = np.random.default_rng(0)
    difficulty = rng.normal(size=200)
    ours, theirs = difficulty + 0.1, difficulty + 0.01 * rng.normal(size=200)
    paired = paired_difference(ours, theirs, rng)
    assert paired.estimate == pytest.approx((ours - theirs).mean())
    assert 0.09 < paired.low < paired.high < 0.11
    apart = bootstrap_mean(ours, rng)
    assert apart.low < theirs.mean()  # the intervals of both means overlap


def test_a_difference_reads_in_points():
    assert Interval(-0.05, -0.081, 0.0).in_points() == "-5.0 (-8.1 to +0.0)"


@pytest.mark.parametrize(
    ("freedom", "printed"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (9, 2.262), (30, 2.042)],
)
def test_quantiles_equal_the_printed_table(freedom, printed):
    assert student_quantile(0.95, freedom) == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("t", [0.3, 1.0, 4.0])
def test_the_finite_sum_equals_the_integral_of_the_density(freedom, t):
    x = np.linspace(0, t, 20001)
    scale = math.gamma((freedom + 1) / 2) / math.gamma(freedom / 2) / math.sqrt(freedom * math.pi)
    density = scale * (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
    assert student_central_probability(t, freedom) == pytest.approx(
        2 * np.trapezoid(density, x), abs=1e-8
    )


def test_three_seeds_by_hand():
    # mean 2, s = 1: 2 -+ 4.303 / sqrt(3)
    found = mean_over_seeds(np.array([1.0, 2.0, 3.0]))
    assert found == pytest.approx((2, 2 - 2.4843, 2 + 2.4843), abs=1e-3)


def test_three_seeds_need_the_wide_interval():
    runs = np.random.default_rng(0).normal(size=(4000, 3))
    found = [mean_over_seeds(row) for row in runs[:500]]
    assert np.mean([each.low <= 0 <= each.high for each in found]) == pytest.approx(0.95, abs=0.02)
    too_narrow = abs(runs.mean(axis=1)) < 1.96 * runs.std(axis=1, ddof=1) / math.sqrt(3)
    assert too_narrow.mean() < 0.85


def test_empty_and_impossible_samples_are_refused():
    with pytest.raises(BadInput, match="got 0.5 of 0"):
        wilson_interval(0.5, 0)
    with pytest.raises(BadInput, match="got 1.5 of 4"):
        wilson_interval(1.5, 4)
    with pytest.raises(BadInput, match="at least one value"):
        bootstrap_mean(np.array([]), np.random.default_rng(0))
    with pytest.raises(BadInput, match="at least 2 of them, got 1"):
        mean_over_seeds(np.array([1.0]))


@pytest.mark.parametrize("level", [95.0, 1.0, 0.0])
def test_a_level_in_percent_is_refused(level):
    values, rng = np.array([1.0, 2.0]), np.random.default_rng(0)
    for interval in (
        lambda: wilson_interval(0.5, 10, level),
        lambda: bootstrap_mean(values, rng, level),
        lambda: mean_over_seeds(values, level),
    ):
        with pytest.raises(BadInput, match=f"level must be between 0 and 1, got {level}"):
            interval()
