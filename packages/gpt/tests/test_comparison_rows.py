import math

import pytest
import torch

from gpt.comparison.interleaved import InterleavedSteps
from gpt.comparison.rows import (
    ComparisonRow,
    count_unequal,
    max_abs_difference,
    max_abs_difference_by_name,
    time_interleaved,
)
from gpt.training.loop import StepRecord


def test_the_speedup_is_their_time_over_ours():
    row = ComparisonRow("step", "torch 2", 0.0, 1e-5, ours_s=2.0, library_s=3.0, floor=1.2)
    assert (row.speedup, row.is_equal, row.is_slow) == (1.5, True, False)


@pytest.mark.parametrize(("library_s", "slow"), [(2.3, True), (2.33, False), (2.4, False)])
def test_a_row_is_slow_below_97_hundredths_of_its_floor(library_s, slow):
    row = ComparisonRow("step", "torch 2", 0.0, 1e-5, ours_s=2.0, library_s=library_s, floor=1.2)
    assert row.is_slow == slow
    assert row.is_equal


def test_a_row_without_times_or_without_a_floor_is_not_slow():
    assert ComparisonRow("a", "b", 0.0, 0.0).to_json() == {
        "name": "a", "library": "b", "max_abs_diff": 0.0, "tolerance": 0.0, "ours_s": None,
        "library_s": None, "speedup": None, "floor": None, "note": "", "ok": True, "slow": False,
    }  # fmt: skip
    assert not ComparisonRow("a", "b", 0.0, 0.0, ours_s=9.0, library_s=1.0).is_slow


def test_a_row_is_equal_up_to_its_tolerance_and_never_with_a_nan():
    assert ComparisonRow("a", "b", 1e-5, 1e-5).is_equal
    assert not ComparisonRow("a", "b", 2e-5, 1e-5).is_equal
    assert not ComparisonRow(
        "a", "b", max_abs_difference(torch.tensor([1.0]), torch.tensor([math.nan])), 1e-5
    ).is_equal


def test_the_largest_difference_and_shapes_that_do_not_fit():
    assert max_abs_difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 5.0])) == 3
    assert max_abs_difference(torch.zeros(2), torch.zeros(3)) == math.inf
    assert max_abs_difference_by_name({"a": torch.zeros(1)}, {"a": torch.ones(1)}) == 1
    assert max_abs_difference_by_name({"a": torch.zeros(1)}, {"b": torch.zeros(1)}) == math.inf


def test_unequal_and_missing_positions_are_counted():
    assert count_unequal([1, 2, 3], [1, 9, 3]) == 1
    assert count_unequal([1, 2, 3, 4], [1]) == 3


def test_both_sides_alternate_and_warm_ups_do_not_count():
    calls = []
    seconds = time_interleaved(lambda: calls.append("a"), lambda: calls.append("b"), 3, warmups=2)
    assert calls == ["a", "b"] * 5
    assert 0 < seconds.ours < 1 and 0 < seconds.library < 1


def test_our_step_follows_each_step_of_the_trainer():
    events = []

    def ours():
        for step in range(1, 4):
            events.append(f"ours {step}")
            yield StepRecord(step, step / 2, 1e-4, 1.0)

    turns = InterleavedSteps(ours(), lambda: events.append("check") or 0.25, checked_steps=2)
    for step in range(1, 4):
        events.append(f"theirs {step}")
        turns(step)
    assert events == [
        "theirs 1", "ours 1", "theirs 2", "ours 2", "check", "theirs 3", "ours 3",
    ]  # fmt: skip
    assert turns.losses == [0.5, 1.0, 1.5] and turns.weight_difference == 0.25
    assert len(turns.our_times) == len(turns.their_times) == 3
    assert all(0 <= seconds < math.inf for seconds in turns.our_times + turns.their_times)
