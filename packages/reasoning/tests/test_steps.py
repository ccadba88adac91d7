"""Steps of traces, checked by hand: 7 + 12 * 3 - 20 has the results 19, 57 and 37."""

import pytest

from gpt.errors import BadInput
from reasoning.evaluation.steps import count_right_steps, step_chance
from reasoning.tasks.chain import Chain

CHAIN = Chain(7, (("+", 12), ("*", 3), ("-", 20)))
RIGHT = "7 + 12 = 19 ; 19 * 3 = 57 ; 57 - 20 = 37 ; answer 37"


@pytest.mark.parametrize(
    ("text", "n_right"),
    [
        (RIGHT, 3),
        ("7 + 12 = 19 ; 19 * 3 = 47 ; 47 - 20 = 27 ; answer 27", 1),  # 27 would be right after 47
        ("7 + 12 = 19 ; 19 * 3 = 57 ; 57 - 10 = 47 ; answer 47", 2),  # another operand
        ("7 + 12 = 19 ; 17 * 3 = 51 ; 51 - 20 = 31 ; answer 31", 1),  # copied wrongly
        ("7 + 12 = 19 ; answer 37", 1),
        ("answer 37", 0),
        ("", 0),
    ],
)
def test_steps_before_the_first_mistake(text, n_right):
    assert count_right_steps(CHAIN, text) == n_right


def test_the_chance_of_a_step_counts_one_mistake_per_failed_trace():
    failed = "7 + 12 = 19 ; 19 * 3 = 47 ; 47 - 20 = 27 ; answer 27"
    assert step_chance([CHAIN], [[RIGHT, failed]]) == 4 / 5  # 3 + 1 right steps, 1 mistake


def test_no_traces_are_refused():
    with pytest.raises(BadInput, match="no traces"):
        step_chance([CHAIN], [[]])
