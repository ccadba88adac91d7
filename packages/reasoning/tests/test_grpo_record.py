"""Finished runs of GRPO become small files, which are compared with one another."""

import io
import json
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from gpt.errors import BadInput
from reasoning.cli import main
from reasoning.grpo.record import record_run, record_text, smooth_curve
from reasoning.grpo.recorded import (
    METHOD_COLOURS,
    RecordedRun,
    differences_table,
    draw_curves,
    gains_table,
    mean_advantage,
    pairs_of_methods,
    rates_table,
    read_recorded_runs,
    with_all_methods,
)

SCRIPT = Path(__file__).parents[1] / "scripts" / "grpo_record.py"
TINY = "grpo --device cpu --prompts-per-phase 2 --group-size 2 --max-new-tokens 4 --n-phases 3"


def recorded(method="grpo", seed=0, before=(0.0, 0.5, 1.0), after=(0.25, 0.5, 1.0)):
    """Return a record with these scores of three problems, and no greedy answer right."""
    problems = {
        when: {"score": list(scores), "greedy": [0.0] * 3}
        for when, scores in (("before", before), ("after", after))
    }
    curve = {"step": [1.0, 2.0], "score": [0.25, 0.5]}
    record = {"method": method, "seed": seed, "problems": problems, "curve": curve}
    return RecordedRun(method, seed, record)


def run_script(monkeypatch, *options):
    """Run the script with options, and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["grpo_record.py", *map(str, options)])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return stopped.value.code


def printed(table):
    text = io.StringIO()
    Console(width=120, file=text).print(table)
    return text.getvalue().splitlines()


def test_a_run_is_recorded_by_method_and_seed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call = [*TINY.split(), "--n-evaluated", "2"]
    assert main([*call, "--reward", "random", "--seed", "3", "--name", "one"]) == 0
    assert main([*call, "--method", "rejection-sft", "--seed", "3", "--name", "two"]) == 0
    options = ["runs/one", "runs/two", "--output", "out/files", "--window", "2"]
    assert run_script(monkeypatch, *options) == 0
    assert {file.name for file in (tmp_path / "out/files").iterdir()} == {
        "random-3.json",
        "rejection-sft-3.json",
    }
    first, second = read_recorded_runs(tmp_path / "out/files")
    assert (first.title, second.title) == ("random, seed 3", "rejection-sft, seed 3")
    record = first.record
    assert record["device"] == "cpu" and record["settings"]["group_size"] == 2
    assert len(record["problems"]["after"]["score"]) == 2
    assert record["curve"]["step"] == [1.5, 3.0] and len(record["curve"]["entropy"]) == 2
    assert "entropy" not in second.record["curve"] and len(second.record["curve"]["score"]) == 2
    for text in (str(tmp_path), "runs/one"):
        assert text not in (tmp_path / "out/files/random-3.json").read_text()

    # the command of the record makes the same run again
    assert main([*shlex.split(record["command"])[1:], "--name", "again"]) == 0
    assert record_run(tmp_path / "runs/again", 2)["problems"] == record["problems"]
    capsys.readouterr()
    assert run_script(monkeypatch, "runs/one", "runs/again", "--output", "o") == 2
    assert "is a second run for random-3.json" in capsys.readouterr().err


def test_runs_that_are_not_finished_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*TINY.split(), "--n-evaluated", "1"]) == 0
    run = tmp_path / "runs/grpo"
    lines = (run / "log.jsonl").read_text().splitlines()
    (run / "log.jsonl").write_text("\n".join(lines[:2]) + "\n")
    message = "is not finished; finish it with: reasoning grpo --resume"
    with pytest.raises(BadInput, match=message):
        record_run(run)
    (run / "log.jsonl").write_text("\n".join(lines) + "\n")
    assert "--n-phases 3" in record_run(run)["command"]
    (run / "evaluation.json").write_text('{"before": {}}')
    with pytest.raises(BadInput, match="is incomplete; repeat it with"):
        record_run(run)
    (run / "evaluation.json").unlink()
    capsys.readouterr()
    assert run_script(monkeypatch, run, "--output", "out") == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said and not (tmp_path / "out").exists()


def test_a_run_that_starts_again_forgets_its_evaluation(tmp_path, monkeypatch):
    """A killed second run would otherwise have the evaluation of the first one."""
    monkeypatch.chdir(tmp_path)
    assert main([*TINY.split(), "--n-evaluated", "1"]) == 0
    monkeypatch.setattr("reasoning.commands.grpo.report_gains", lambda *_: None)
    assert main([*TINY.split(), "--n-evaluated", "1", "--overwrite"]) == 0
    assert not (tmp_path / "runs/grpo/evaluation.json").exists()


def test_a_curve_is_the_means_of_its_windows():
    log = [{"step": step, "score": step / 10, "clipped": 0.0} for step in range(1, 6)]
    assert smooth_curve(log, 2) == {"step": [1.5, 3.5, 5.0], "score": [0.15, 0.35, 0.5]}
    with pytest.raises(BadInput, match="window must be at least 1, got 0"):
        smooth_curve(log, 0)


def test_rates_of_each_problem_by_hand():
    """16 of 32 right: 8 samples are all wrong, or all right, with C(16, 8) / C(32, 8) each."""
    run, one_kind = recorded(), 12870 / 10518300
    np.testing.assert_allclose(run.rates("pass@1", "before"), [0, 0.5, 1])
    np.testing.assert_allclose(run.rates("pass@8", "before"), [0, 1 - one_kind, 1])
    np.testing.assert_allclose(run.rates("flat", "before"), [1, 2 * one_kind, 1])
    np.testing.assert_allclose(run.rates("pass@32", "after"), [1, 1, 1])
    assert run.gain("pass@32").estimate == pytest.approx(1 / 3)
    assert run.gain("greedy").estimate == 0


def test_grpo_is_compared_with_each_control_of_its_seed():
    runs = [recorded(), recorded(seed=1), recorded("random", 1, after=(0.0, 0.5, 0.25))]
    [(run, other)] = pairs_of_methods(runs)
    assert (run.title, other.title) == ("grpo, seed 1", "random, seed 1")
    difference = run.advantage_over(other, "pass@1")
    assert difference.estimate == pytest.approx(1 / 3) and difference.low == pytest.approx(0)
    text = "\n".join(printed(differences_table(runs, ["pass@1"])))
    assert "random" in text and "+33.3 (+0.0 to +75.0)" in text
    assert len(printed(gains_table(runs, ["pass@1"]))) == 1 + len(runs)
    with pytest.raises(BadInput, match="did not begin with the same rates"):
        run.advantage_over(recorded("random", 1, before=(0.0, 0.0, 0.0)), "pass@1")


def test_the_mean_over_seeds_pairs_each_problem_with_itself():
    """Differences of [0.25, 0, 0] and [0.75, 0, 0.75] have the means [0.5, 0, 0.375]."""
    runs = [recorded(after=(0.25, 0.5, 1.0)), recorded(seed=1, after=(0.75, 0.5, 1.0))]
    runs += [
        recorded("random", 0, after=(0.0, 0.5, 1.0)),
        recorded("random", 1, after=(0.0, 0.5, 0.25)),
    ]
    pairs = pairs_of_methods(runs)
    mean = mean_advantage(pairs, "pass@1")
    assert mean.estimate == pytest.approx(0.875 / 3) and mean.high == pytest.approx(0.5)
    rows = printed(differences_table(runs, ["pass@1"]))
    assert len(rows) == 1 + 2 + 1 and mean.in_points() in rows[-1] and "mean" in rows[-1]


def test_a_seed_that_lacks_a_method_is_left_out():
    runs = [recorded(method) for method in METHOD_COLOURS]
    assert with_all_methods([*runs, recorded(seed=1), recorded("random", 1)]) == runs


def test_rates_before_and_after_in_percent():
    run = recorded()
    for when, entropy in (("before", 0.25), ("after", 0.125)):
        run.record[when] = {"entropy": entropy}
    lines = [line.split() for line in printed(rates_table([run], ["pass@1", "greedy"]))]
    assert lines[1:] == [["before", "50.0", "0.0", "0.250"], ["grpo", "0", "58.3", "0.0", "0.125"]]


def test_curves_have_one_colour_per_method_and_one_line_per_seed():
    axes = Figure().subplots()
    without = recorded("continued-sft")
    without.record["curve"].pop("score")
    draw_curves(axes, [recorded(), recorded(seed=1), recorded("random"), without], "score", 100)
    lines = axes.get_lines()
    assert [line.get_color() for line in lines] == [METHOD_COLOURS["grpo"]] * 2 + [
        METHOD_COLOURS["random"]
    ]
    assert np.array(lines[0].get_ydata()).tolist() == [25, 50]
    assert axes.get_legend_handles_labels()[1] == ["grpo", "random"]


def test_folders_without_records_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no records of grpo_record.py"):
        read_recorded_runs(tmp_path)
    (tmp_path / "a.json").write_text(record_text(recorded("random").record))
    (tmp_path / "b.json").write_text(record_text(recorded(seed=2).record))
    assert [run.title for run in read_recorded_runs(tmp_path)] == ["grpo, seed 2", "random, seed 0"]
    (tmp_path / "c.json").write_text(json.dumps({"method": "grpo", "seed": 0}))
    with pytest.raises(BadInput, match=r"c.json' is not a record"):
        read_recorded_runs(tmp_path)
