import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from finetune.evaluation.reward_scores import CHANCE_LOG_LOSS, reward_scores
from gpt.errors import BadInput
from gpt.evaluation.intervals import wilson_interval

numbers = st.lists(st.tuples(*[st.integers(-8, 8)] * 2), min_size=1, max_size=20)


def test_four_pairs_by_hand():
    # margins ln 3, -ln 3, 0, 2 ln 3: probabilities 3/4, 1/4, 1/2, 9/10
    chosen = np.log([3.0, 1.0, 5.0, 9.0])
    rejected = np.log([1.0, 3.0, 5.0, 1.0])
    found = reward_scores(chosen, rejected)
    assert found.accuracy == wilson_interval(2.5 / 4, 4)
    assert found.share_above_0 == 0.5
    assert found.margin == pytest.approx(math.log(9) / 4)
    expected = -math.log(3 / 4 * 1 / 4 * 1 / 2 * 9 / 10) / 4
    assert found.log_loss == pytest.approx(expected)


def test_equal_scores_have_chance_accuracy_and_log_loss():
    found = reward_scores(np.full(6, 2.0), np.full(6, 2.0))
    assert found.accuracy.estimate == 0.5
    assert found.log_loss == pytest.approx(CHANCE_LOG_LOSS) == pytest.approx(0.693147, abs=1e-6)


def test_a_confident_and_wrong_model_has_a_larger_loss_than_chance():
    right, wrong = np.array([9.0] * 6 + [0.0] * 4), np.array([0.0] * 6 + [9.0] * 4)
    found = reward_scores(right, wrong)
    assert found.accuracy.estimate == pytest.approx(0.6)
    assert found.log_loss == pytest.approx(3.6, abs=1e-3)  # 4 of 10 cost 9 nats
    assert found.log_loss > CHANCE_LOG_LOSS


def test_the_log_loss_equals_torchs_and_does_not_overflow():
    margins = np.array([-2000.0, -3.0, 0.0, 0.5, 2000.0])
    expected = -F.logsigmoid(torch.tensor(margins))
    found = [reward_scores(each[None], np.zeros(1)).log_loss for each in margins]
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12)


@given(numbers, st.integers(-5, 5))
def test_a_shift_changes_nothing_and_swapping_mirrors_the_margins(pairs, shift):
    chosen, rejected = np.array(pairs, dtype=float).T
    found = reward_scores(chosen, rejected)
    assert reward_scores(chosen + shift, rejected + shift) == found
    swapped = reward_scores(rejected, chosen)
    assert swapped.accuracy.estimate == pytest.approx(1 - found.accuracy.estimate)
    assert swapped.margin == pytest.approx(-found.margin)
    # ln(1 + e^-m) - ln(1 + e^m) = -m
    assert found.log_loss - swapped.log_loss == pytest.approx(-found.margin)
    assert found.share_above_0 <= found.accuracy.estimate


def test_nan_and_missing_scores_are_refused():
    with pytest.raises(BadInput, match="finite margins.*nan"):
        reward_scores(np.array([1.0, np.nan]), np.array([0.0, 0.0]))
    with pytest.raises(BadInput, match="at least one"):
        reward_scores(np.array([]), np.array([]))
