"""The check of `best_accuracy` refuses common mistakes."""

import math

import pytest

from finetune.exercises.check_best_accuracy import check


def sigmoid(x):
    return (1 + math.tanh(x / 2)) / 2


def mean(values):
    return sum(values) / len(values)


WRONG = {
    "how often a is preferred": lambda gaps: mean([sigmoid(gap) for gap in gaps]),
    "the mean gap first": lambda gaps: sigmoid(mean([abs(gap) for gap in gaps])),
    "the best judge is always right": lambda gaps: 1.0,
    "an equal pair is not counted": lambda gaps: mean(
        [sigmoid(abs(gap)) for gap in gaps if gap] or [1 / 2]
    ),
    "an equal pair is wrong": lambda gaps: mean([sigmoid(abs(gap)) if gap else 0 for gap in gaps]),
    "tanh without the half": lambda gaps: mean([(1 + math.tanh(abs(gap))) / 2 for gap in gaps]),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_refuses_a_common_mistake(mistake):
    with pytest.raises(AssertionError):
        check(WRONG[mistake])
