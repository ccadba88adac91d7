import numpy as np
import pytest

from gpt.errors import BadInput
from reasoning.tasks.countdown import Puzzle
from reasoning.verifier.attempts import Attempt
from reasoning.verifier.localisation import choose_threshold, first_low_step, localise
from reasoning.verifier.metrics import (
    calibration_bins,
    highest_rank_correlation,
    rank_correlation,
    ranks,
    roc_auc,
    value_calibration_error,
)


def test_equal_values_share_their_mean_rank():
    assert ranks(np.array([3, 1, 3, 2])).tolist() == [3.5, 1, 3.5, 2]


def test_the_rank_correlation_by_hand():
    # ranks 1 2 3 4 and 2 1 4 3: 1 - 6 (1 + 1 + 1 + 1) / (4 (16 - 1)) = 0.6
    assert rank_correlation(np.array([1, 5, 7, 9]), np.array([2, 1, 8, 3])) == pytest.approx(0.6)
    assert rank_correlation(np.array([1, 2]), np.array([9, 3])) == pytest.approx(-1)
    assert np.isnan(rank_correlation(np.array([1, 2]), np.array([True, True])))


def test_pairs_by_hand():
    truth = np.array([True, False, True, False])
    # 0.9 beats both others, 0.2 beats neither of 0.3 and ties with 0.2
    assert roc_auc(np.array([0.9, 0.3, 0.2, 0.2]), truth) == (1 + 1 + 0 + 0.5) / 4
    assert np.isnan(roc_auc(np.array([1.0]), np.array([True])))


def test_a_truth_of_two_values_bounds_the_rank_correlation():
    random = np.random.default_rng(0)
    truth = random.random(5_000) < 0.15
    for noise in (0.0, 0.5, 2.0):
        scores = truth + noise * random.random(5_000) + 1e-9 * random.random(5_000)
        auc, bound = roc_auc(scores, truth), highest_rank_correlation(truth)
        assert rank_correlation(scores, truth) == pytest.approx((2 * auc - 1) * bound, abs=1e-3)
    assert bound == pytest.approx(0.62, abs=0.02)


def test_calibration_by_hand():
    scores, values = np.array([0.1, 0.9, 0.2, 0.8]), np.array([0.0, 1.0, 0.5, 0.4])
    low, high = bins = calibration_bins(scores, values, 2)
    assert low == pytest.approx((2, 0.15, 0.25)) and high == pytest.approx((2, 0.85, 0.7))
    assert value_calibration_error(bins) == pytest.approx(0.125)
    with pytest.raises(BadInput, match="10 bins need as many states, got 4"):
        calibration_bins(scores, values)


def test_the_first_low_step():
    assert first_low_step([0.5, 0.02, 0.3], 0.1) == 2
    assert first_low_step([0.5, 0.2], 0.1) is None
    # 0.05 is an error and 0.1 is none, so the threshold lies between them
    scores, errors = [[0.3, 0.05], [0.1, 0.6], [0.02, 0.01]], [2, None, 1]
    assert 0.05 < choose_threshold(scores, errors) <= 0.1


def test_errors_are_counted_by_their_kind():
    puzzle = Puzzle((4, 7, 9, 11), 24)
    attempts = [
        Attempt(puzzle, "7 - 4 = 3 ; 11 * 3 = 33 ; 33 - 9 = 24 ;"),  # no error
        Attempt(puzzle, "7 - 4 = 3 ; 9 * 3 = 27 ; 27 - 11 = 16 ;"),  # loses at step 2
        Attempt(puzzle, "11 * 4 = 44 ; 44 - 9 = 35 ; 35 - 7 = 28 ;"),  # loses at step 1
        Attempt(puzzle, "7 - 4 = 3 ; 11 * 3 = 34 ; 34 - 9 = 25 ;"),  # wrong at step 2
    ]
    found = localise(attempts, [None, 2, None, 1])
    assert found["any"] == pytest.approx((3, 1 / 3, 1 / 3))
    assert found["losing move"] == (2, 0.5, 0.5) and found["wrong step"] == (1, 0, 0)
