"""The check of `smallest_jury` refuses common mistakes."""

import pytest

from reasoning.exercises.check_smallest_jury import check
from reasoning.exercises.solutions.smallest_jury import smallest_jury
from reasoning.voting.prediction import majority_chance


def first(sizes, p, goal):
    return next((n for n in sizes if majority_chance(p, n) >= goal), None)


def above_the_goal_only(p, goal):
    return next((n for n in range(1, 1_000, 2) if majority_chance(p, n) > goal), None)


def at_least_three(p, goal):
    return first(range(3, 1_000, 2), p, goal)


def gives_up_early(p, goal):
    return first(range(1, 100, 2), p, goal)


def needs_better_than_a_coin(p, goal):
    return smallest_jury(p, goal) if p > 0.5 else None


def all_must_be_right(p, goal):
    return next((n for n in range(1, 1_000, 2) if p**n >= goal), None)


def one_right_vote_is_enough(p, goal):
    return next((n for n in range(1, 1_000, 2) if 1 - (1 - p) ** n >= goal), None)


def the_largest_that_fails(p, goal):
    n = smallest_jury(p, goal)
    return None if n is None else max(1, n - 2)


WRONG = [
    above_the_goal_only,
    at_least_three,
    gives_up_early,
    needs_better_than_a_coin,
    all_must_be_right,
    one_right_vote_is_enough,
    the_largest_that_fails,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
