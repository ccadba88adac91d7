"""The check of `attempts_needed` refuses common mistakes."""

import pytest

from reasoning.budget.prediction import adaptive_accuracy
from reasoning.exercises.check_attempts_needed import check
from reasoning.exercises.solutions.attempts_needed import attempts_needed


def first(sizes, accuracy, goal):
    return next((n for n in sizes if accuracy(n) >= goal), None)


def above_the_goal_only(c, h, goal):
    return next((n for n in range(1, 1_001) if adaptive_accuracy(c, h, n) > goal), None)


def at_least_two(c, h, goal):
    return first(range(2, 1_001), lambda n: adaptive_accuracy(c, h, n), goal)


def gives_up_early(c, h, goal):
    return first(range(1, 33), lambda n: adaptive_accuracy(c, h, n), goal)


def ignores_false_hits(c, h, goal):
    return first(range(1, 1_001), lambda n: 1 - (1 - c) ** n, goal)


def every_claim_is_true(c, h, goal):
    return first(range(1, 1_001), lambda n: 1 - (1 - h) ** n, goal)


def all_attempts_are_made(c, h, goal):
    return first(range(1, 1_001), lambda n: n * c, goal)


def never_gives_up(c, h, goal):
    return attempts_needed(c, h, goal) or 1_001


def one_less(c, h, goal):
    n = attempts_needed(c, h, goal)
    return n and max(1, n - 1)


WRONG = [
    above_the_goal_only,
    at_least_two,
    gives_up_early,
    ignores_false_hits,
    every_claim_is_true,
    all_attempts_are_made,
    never_gives_up,
    one_less,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
