import math

import pytest

from finetune.tuning.sweep import SweepResult, sweep, sweep_table
from gpt.errors import BadInput, RunFailed


def held_out_loss(rate: float, rank: int) -> float:
    if rate > 0.05:
        raise RunFailed("the loss is no longer finite")
    return math.nan if rank == 0 else abs(math.log10(rate) + 3) + 1 / rank


def test_all_combinations_are_run_and_the_best_comes_first():
    outcomes = sweep(held_out_loss, rate=[1e-2, 1e-3], rank=[1, 4])
    assert outcomes == [
        SweepResult({"rate": 1e-3, "rank": 4}, 0.25),
        SweepResult({"rate": 1e-3, "rank": 1}, 1.0),
        SweepResult({"rate": 1e-2, "rank": 4}, pytest.approx(1.25)),
        SweepResult({"rate": 1e-2, "rank": 1}, pytest.approx(2.0)),
    ]


def test_failed_runs_come_last_and_do_not_end_the_sweep():
    outcomes = sweep(held_out_loss, rate=[0.1, 1e-3], rank=[0, 2])
    assert [each.loss for each in outcomes] == [0.5, math.inf, math.inf, math.inf]


def test_a_table_shows_the_settings_and_the_loss():
    lines = sweep_table(sweep(held_out_loss, rate=[0.1, 0.001], rank=[2])).splitlines()
    assert lines == [
        "| rate | rank | held-out loss |",
        "|---:|---:|---:|",
        "| 0.001 | 2 | 0.5000 |",
        "| 0.1 | 2 | inf |",
    ]


@pytest.mark.parametrize("axes", [{}, {"rate": []}])
def test_a_setting_without_values_is_refused(axes):
    with pytest.raises(BadInput, match="at least one value per setting"):
        sweep(held_out_loss, **axes)


def test_a_table_without_results_is_refused():
    with pytest.raises(BadInput, match="no results"):
        sweep_table([])
