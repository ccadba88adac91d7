"""Proportions and softmax of scores with a few digits."""

import math

import pytest

from handcalc.layers.attention import softmax
from handcalc.toys.proportions import proportions

SCORES = [1.0, 1.1, 1.2]


def test_proportions_by_hand():
    assert proportions([1.0, 3.0, 4.0]) == [1 / 8, 3 / 8, 1 / 2]


def test_a_softmax_by_hand():
    powers = [math.exp(score) for score in SCORES]
    assert powers == pytest.approx([2.718, 3.004, 3.320], abs=5e-4)
    assert softmax(SCORES) == pytest.approx([power / sum(powers) for power in powers], rel=1e-14)


def test_negative_scores_have_probabilities_only_by_the_softmax():
    assert proportions([3.0, -1.0]) == [1.5, -0.5]
    assert softmax([3.0, -1.0]) == pytest.approx([0.982, 0.018], abs=5e-4)


def test_scores_that_add_up_to_zero_have_probabilities_only_by_the_softmax():
    with pytest.raises(ValueError, match=r"the scores \[2.0, -2.0\] add up to 0"):
        proportions([2.0, -2.0])
    assert softmax([2.0, -2.0]) == pytest.approx([0.982, 0.018], abs=5e-4)


def test_proportions_depend_on_ratios_and_the_softmax_on_differences():
    doubled, raised = [2 * score for score in SCORES], [10 + score for score in SCORES]
    assert proportions(doubled) == pytest.approx(proportions(SCORES), rel=1e-14)
    assert softmax(raised) == pytest.approx(softmax(SCORES), rel=1e-14)
    assert abs(proportions(raised)[0] - proportions(SCORES)[0]) > 0.01
    assert abs(softmax(doubled)[0] - softmax(SCORES)[0]) > 0.01
