"""The check of `followed_answer` refuses common mistakes."""

import pytest

from reasoning.exercises.check_followed_answer import check
from reasoning.exercises.solutions.followed_answer import followed_answer
from reasoning.tasks.countdown import LARGEST_RESULT, calculate


def calculate_all(value, operations):
    for operator, operand in operations:
        value = calculate(value, operator, operand)
    return value


def calculates_the_prompt(chain, step, changed):
    return chain.results()[-1]


def repeats_the_changed_step(chain, step, changed):
    value = calculate_all(changed, chain.operations[step:])
    return value if 1 <= value <= LARGEST_RESULT else None


def skips_a_step(chain, step, changed):
    value = calculate_all(changed, chain.operations[step + 2 :])
    return value if 1 <= value <= LARGEST_RESULT else None


def ignores_the_range(chain, step, changed):
    return calculate_all(changed, chain.operations[step + 1 :])


def looks_at_the_last_number_only(chain, step, changed):
    value = calculate_all(changed, chain.operations[step + 1 :])
    return value if 1 <= value <= LARGEST_RESULT else None


def allows_zero(chain, step, changed):
    return 0 if (step, changed) == (1, 20) else followed_answer(chain, step, changed)


WRONG = [
    calculates_the_prompt,
    repeats_the_changed_step,
    skips_a_step,
    ignores_the_range,
    looks_at_the_last_number_only,
    allows_zero,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
