"""The check of `longest_chain` refuses common mistakes."""

import math

import pytest

from reasoning.exercises.check_longest_chain import check
from reasoning.exercises.solutions.longest_chain import longest_chain


def the_first_length_that_fails(step_chance, goal):
    return longest_chain(step_chance, goal) + 1


def above_the_goal_only(step_chance, goal):
    if step_chance == 1:
        return math.inf
    n, chance = 0, step_chance
    while chance > goal:
        n, chance = n + 1, chance * step_chance
    return n


def rounded_to_the_nearest(step_chance, goal):
    if step_chance in (0, 1):
        return math.inf if step_chance else 0
    return round(math.log(goal) / math.log(step_chance))


def chances_that_add_up(step_chance, goal):
    return math.inf if step_chance == 1 else int((1 - goal) / (1 - step_chance))


def never_without_a_step(step_chance, goal):
    return max(1, longest_chain(step_chance, goal))


def a_finite_limit(step_chance, goal):
    return min(1_000, longest_chain(step_chance, goal))


WRONG = [
    the_first_length_that_fails,
    above_the_goal_only,
    rounded_to_the_nearest,
    chances_that_add_up,
    never_without_a_step,
    a_finite_limit,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
