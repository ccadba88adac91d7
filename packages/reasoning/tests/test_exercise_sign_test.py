"""The check of `sign_test` refuses common mistakes."""

import math

import pytest

from reasoning.exercises.check_sign_test import check
from reasoning.exercises.solutions.sign_test import sign_test


def exactly_as_often(wins, losses):
    return math.comb(wins + losses, wins) / 2 ** (wins + losses)


def more_often(wins, losses):
    return sign_test(wins, losses) - exactly_as_often(wins, losses)


def two_sided(wins, losses):
    return min(1.0, 2 * sign_test(max(wins, losses), min(wins, losses)))


def whichever_is_larger(wins, losses):
    return sign_test(max(wins, losses), min(wins, losses))


def the_other_prompt(wins, losses):
    return sign_test(losses, wins)


def by_the_normal_distribution(wins, losses):
    n = wins + losses
    return 0.5 * math.erfc((wins - n / 2) / math.sqrt(max(n, 1) / 4) / math.sqrt(2))


WRONG = [
    exactly_as_often,
    more_often,
    two_sided,
    whichever_is_larger,
    the_other_prompt,
    by_the_normal_distribution,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
