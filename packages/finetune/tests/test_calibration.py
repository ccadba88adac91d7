import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.evaluation.calibration import calibration_error, confidences, reliability_bins
from gpt.errors import BadInput


def logit(p):
    return math.log(p / (1 - p))


def test_a_reliability_table_by_hand():
    # confidences .6 .7 right, .7 wrong, .9 right, .9 wrong in two bins, (.5, .75] and (.75, 1]
    margins = np.array([logit(0.6), logit(0.7), -logit(0.7), logit(0.9), -logit(0.9)])
    low, high = reliability_bins(margins, n_bins=2)
    assert low == pytest.approx((0.5, 0.75, 3, 2 / 3, 2 / 3))
    assert high == pytest.approx((0.75, 1, 2, 0.9, 0.5))
    # 3/5 x 0 + 2/5 x .4
    assert calibration_error([low, high]) == pytest.approx(0.16)


def test_a_tie_is_in_the_first_bin_and_half_right():
    first, *rest = reliability_bins(np.array([0.0, 0.0]), n_bins=4)
    assert first == pytest.approx((0.5, 0.625, 2, 0.5, 0.5))
    assert [each.n for each in rest] == [0, 0, 0]
    assert all(math.isnan(each.accuracy) for each in rest)
    assert calibration_error([first, *rest]) == 0


def test_full_confidence_is_in_the_last_bin():
    bins = reliability_bins(np.array([logit(0.74), 1000.0, -1000.0]), n_bins=2)
    assert [each.n for each in bins] == [1, 2]
    assert bins[1] == pytest.approx((0.75, 1, 2, 1, 0.5))


def test_confidence_is_the_probability_of_the_preferred_answer():
    margins = np.array([2.0, -2.0])
    np.testing.assert_allclose(confidences(margins), [1 / (1 + math.exp(-2))] * 2)


@given(st.lists(st.floats(-6, 6), min_size=1, max_size=30), st.integers(1, 12))
def test_every_pair_is_in_one_bin_and_bin_means_are_within_its_edges(margins, n_bins):
    bins = reliability_bins(np.array(margins), n_bins)
    assert sum(each.n for each in bins) == len(margins)
    for each in bins:
        if each.n:
            assert each.low - 1e-9 <= each.confidence <= each.high + 1e-9
    assert 0 <= calibration_error(bins) <= 1
    # with one bin it is the difference of two means
    one = reliability_bins(np.array(margins), 1)
    right = (1 + np.sign(margins)) / 2
    gap = abs(right.mean() - confidences(np.array(margins)).mean())
    assert calibration_error(one) == pytest.approx(gap)


def test_multiplying_scores_by_five_keeps_the_ranking_and_ruins_the_calibration():
    rng = np.random.default_rng(0)
    true = np.abs(rng.normal(size=20_000))
    chosen_is_better = rng.random(20_000) < confidences(true)
    margins = np.where(chosen_is_better, true, -true)  # choices drawn from the Bradley-Terry model
    assert calibration_error(reliability_bins(margins)) < 0.012
    assert calibration_error(reliability_bins(5 * margins)) > 0.15
    assert (np.sign(5 * margins) == np.sign(margins)).all()


def test_no_pairs_have_no_calibration_error():
    with pytest.raises(BadInput, match="no pairs"):
        calibration_error(reliability_bins(np.array([])))
