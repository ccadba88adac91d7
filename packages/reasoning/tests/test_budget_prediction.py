"""Budgets of attempts by hand, and against attempts that really have equal chances."""

import numpy as np
import pytest

from reasoning.budget.prediction import adaptive_accuracy, expected_attempts


def test_attempts_and_accuracy_by_hand():
    assert [expected_attempts(1 / 4, n) for n in (1, 2, 3)] == [1, 1.75, 2.3125]
    assert [adaptive_accuracy(1 / 5, 1 / 4, n) for n in (1, 2)] == pytest.approx([0.2, 0.35])


def test_without_false_hits_it_is_the_chance_of_at_least_one_hit():
    for n in (1, 2, 5, 30):
        assert adaptive_accuracy(0.3, 0.3, n) == pytest.approx(1 - 0.7**n)


def test_a_certain_hit_needs_one_attempt_and_an_impossible_one_uses_the_budget():
    assert expected_attempts(1.0, 8) == 1 and expected_attempts(0.0, 8) == 8
    assert adaptive_accuracy(0.0, 0.5, 8) == 0


def test_simulated_attempts_agree_with_the_prediction():
    random = np.random.default_rng(0)
    draws = random.random((20_000, 4))
    is_hit, is_right = draws < 0.2, draws < 0.15
    first = np.where(is_hit.any(1), is_hit.argmax(1), 3)
    assert (first + 1).mean() == pytest.approx(expected_attempts(0.2, 4), abs=0.03)
    right = is_right[range(20_000), first].mean()
    assert right == pytest.approx(adaptive_accuracy(0.15, 0.2, 4), abs=0.01)
