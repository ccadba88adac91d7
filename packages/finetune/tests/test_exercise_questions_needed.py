"""The check of `questions_needed` refuses common mistakes."""

import math

import pytest

from finetune.exercises.check_questions_needed import check

Z = 1.959964

WRONG = {
    "the textbook interval": lambda p: math.ceil(Z**2 * p * (1 - p) / (p - 1 / 2) ** 2) or 1,
    "one-sided": lambda p: math.ceil(1.644854**2 / (4 * (p - 1 / 2) ** 2)),
    "rounded down": lambda p: math.floor(Z**2 / (4 * (p - 1 / 2) ** 2)),
    "twice the distance is forgotten": lambda p: math.ceil(Z**2 / (p - 1 / 2) ** 2),
    "not squared": lambda p: math.ceil(Z / (2 * (p - 1 / 2))),
    "one standard error": lambda p: math.ceil(1 / (4 * (p - 1 / 2) ** 2)),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_refuses_a_common_mistake(mistake):
    with pytest.raises(AssertionError):
        check(WRONG[mistake])
