"""The check of `rows_that_fit` refuses common mistakes."""

from dataclasses import replace

import pytest

from finetune.exercises.check_rows_that_fit import check
from finetune.exercises.solutions.rows_that_fit import rows_that_fit
from finetune.memory.estimate import step_memory


def peak(config, step, rows, scored=None):
    batch = replace(step, n_rows=rows, n_scored=rows * step.n_scored if scored is None else scored)
    return step_memory(config, batch).peak


def counted(fits):
    rows = 0
    while fits(rows + 1):
        rows += 1
    return rows


def a_straight_line_through_zero(config, step, n_bytes):
    return n_bytes // peak(config, step, 1)


def a_straight_line_from_the_weights(config, step, n_bytes):
    one = step_memory(config, step)
    still = one.weights + one.gradients + one.moments
    return max(0, n_bytes - still) // (one.activations + one.head_probabilities)


def scored_as_in_one_row(config, step, n_bytes):
    return counted(lambda rows: peak(config, step, rows, step.n_scored) <= n_bytes)


def one_too_many(config, step, n_bytes):
    return rows_that_fit(config, step, n_bytes) + 1


def below_and_not_at_most(config, step, n_bytes):
    return rows_that_fit(config, step, n_bytes - 1)


def one_row_always_fits(config, step, n_bytes):
    return max(1, rows_that_fit(config, step, n_bytes))


def powers_of_two(config, step, n_bytes):
    rows = rows_that_fit(config, step, n_bytes)
    return 1 << rows.bit_length() - 1 if rows else 0


def without_the_table(config, step, n_bytes):
    def fits(rows):
        memory = step_memory(config, replace(step, n_rows=rows, n_scored=rows * step.n_scored))
        return replace(memory, head_probabilities=0).peak <= n_bytes

    return counted(fits)


WRONG = [
    a_straight_line_through_zero,
    a_straight_line_from_the_weights,
    scored_as_in_one_row,
    one_too_many,
    below_and_not_at_most,
    one_row_always_fits,
    powers_of_two,
    without_the_table,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
