"""The check of `uct_choice` refuses common mistakes."""

import math

import pytest

from reasoning.exercises.check_uct_choice import check
from reasoning.exercises.solutions.uct_choice import uct_choice


def choice(moves, score):
    scores = [score(*move) if move[0] else math.inf for move in moves]
    return scores.index(max(scores))


def total(moves):
    return sum(visits for visits, _ in moves)


def sums_of_values(moves, c):
    n = 1 + total(moves)
    return choice(moves, lambda n_a, w: w + c * math.sqrt(2 * math.log(n) / n_a))


def the_node_is_not_counted(moves, c):
    n = total(moves)
    return choice(moves, lambda n_a, w: w / n_a + c * math.sqrt(2 * math.log(n) / n_a))


def no_factor_of_two(moves, c):
    n = 1 + total(moves)
    return choice(moves, lambda n_a, w: w / n_a + c * math.sqrt(math.log(n) / n_a))


def no_exploration(moves, c):
    return uct_choice(moves, 0.0)


def c_is_always_one(moves, c):
    return uct_choice(moves, 1.0)


def the_wrong_sign(moves, c):
    return uct_choice([(visits, -value) for visits, value in moves], c)


def a_new_move_has_the_value_zero(moves, c):
    n = 1 + total(moves)
    scores = [w / n_a + c * math.sqrt(2 * math.log(n) / n_a) if n_a else 0 for n_a, w in moves]
    return scores.index(max(scores))


def the_last_of_equals(moves, c):
    return len(moves) - 1 - uct_choice(moves[::-1], c)


WRONG = [
    sums_of_values,
    the_node_is_not_counted,
    no_factor_of_two,
    no_exploration,
    c_is_always_one,
    the_wrong_sign,
    a_new_move_has_the_value_zero,
    the_last_of_equals,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
