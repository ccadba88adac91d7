import math

import pytest

from gpt.errors import BadInput
from reasoning.evaluation.shares import Z_95, wilson_interval


@pytest.mark.parametrize(("n_true", "n"), [(3, 10), (50, 100), (919, 920)])
def test_the_ends_are_where_the_share_lies_z_standard_errors_away(n_true, n):
    low, high = wilson_interval(n_true, n)
    assert low < n_true / n < high
    for end in (low, high):
        errors = abs(n_true / n - end) / math.sqrt(end * (1 - end) / n)
        assert errors == pytest.approx(Z_95)


def test_none_and_all_leave_room_on_one_side():
    # z^2 / (n + z^2), far from 0 even though nothing was counted
    low, high = wilson_interval(0, 100)
    assert low == 0 and high == pytest.approx(Z_95**2 / (100 + Z_95**2))
    assert wilson_interval(100, 100) == (pytest.approx(1 - high), 1)


@pytest.mark.parametrize(("n_true", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_numbers_that_are_no_share_are_refused(n_true, n):
    with pytest.raises(BadInput, match=f"{n_true} of {n} is no share"):
        wilson_interval(n_true, n)
