"""The check of `best_of_n_chance` refuses common mistakes."""

import pytest

from reasoning.exercises.check_best_of_n_chance import check
from reasoning.exercises.solutions.best_of_n_chance import best_of_n_chance


def false_hits_do_not_matter(p, accepts_right, accepts_wrong, n):
    return 1 - (1 - p * accepts_right) ** n


def some_sample_is_accepted(p, accepts_right, accepts_wrong, n):
    return 1 - (1 - p * accepts_right - (1 - p) * accepts_wrong) ** n


def with_any_number_of_samples(p, accepts_right, accepts_wrong, n):
    accepted = p * accepts_right + (1 - p) * accepts_wrong
    return p * accepts_right / accepted if accepted else 0.0


def one_sample_more(p, accepts_right, accepts_wrong, n):
    return best_of_n_chance(p, accepts_right, accepts_wrong, n + 1)


def wrong_samples_are_as_many_as_right_ones(p, accepts_right, accepts_wrong, n):
    accepted = p * (accepts_right + accepts_wrong)
    return sum((1 - accepted) ** k * p * accepts_right for k in range(n))


def guesses_if_nothing_is_accepted(p, accepts_right, accepts_wrong, n):
    accepted = p * accepts_right + (1 - p) * accepts_wrong
    return best_of_n_chance(p, accepts_right, accepts_wrong, n) + (1 - accepted) ** n * p


def divides_by_zero(p, accepts_right, accepts_wrong, n):
    accepted = p * accepts_right + (1 - p) * accepts_wrong
    try:
        return p * accepts_right / accepted * (1 - (1 - accepted) ** n)
    except ZeroDivisionError:
        return float("nan")


WRONG = [
    false_hits_do_not_matter,
    some_sample_is_accepted,
    with_any_number_of_samples,
    one_sample_more,
    wrong_samples_are_as_many_as_right_ones,
    guesses_if_nothing_is_accepted,
    divides_by_zero,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
