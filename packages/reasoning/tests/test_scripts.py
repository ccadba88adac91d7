"""The scripts run from their options to their report."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from reasoning.cli import main

SCRIPTS = Path(__file__).parents[1] / "scripts"


def run_script(name, monkeypatch, *options):
    """Run a script with options, and return its exit status."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, options)])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    return stopped.value.code


@pytest.mark.slow
def test_budgets_of_two_models_are_measured_and_drawn(tmp_path, monkeypatch, capsys):
    tiny = "--d-model 16 --n-layers 1 --steps 1 --batch-size 2 --n-evaluated 1 --device cpu"
    assert main(f"train {tiny} --max-attempts 1 --runs {tmp_path} --name one".split()) == 1
    capsys.readouterr()
    plot = tmp_path / "budget.png"
    options = [
        "--n-problems",
        6,
        "--n-samples",
        2,
        "--plot",
        plot,
        "--one-attempt",
        tmp_path / "one",
    ]
    assert run_script("budget", monkeypatch, *options, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["models"]) == {"1-4 attempts", "1 attempt"}
    for model in report["models"].values():
        for kind in ("adaptive", "exact", "restarts"):
            points = model[kind]["points"]
            assert [point["attempts"] for point in points] == [1, 2, 3, 4, 8]
            assert set(model[kind]["s1"]) == {"control", "scaling", "performance"}
        first, *_, last = model["inserted waits"]
        assert first["difference"]["mean"] == 0.0  # one attempt leaves no place for a wait
        accuracy = [model[kind]["points"][-1]["accuracy"] for kind in ("exact", "adaptive")]
        assert last["repaired"] - last["broken"] == pytest.approx(accuracy[0] - accuracy[1])
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_answer_follows_the_trace_and_not_the_prompt(tmp_path, monkeypatch, capsys):
    plot = tmp_path / "faithfulness.png"
    options = ["--n-problems", 30, "--plot", plot, "--json"]
    assert run_script("faithfulness", monkeypatch, *options) == 0
    result, operand, unread = json.loads(capsys.readouterr().out)["tampering"].values()
    assert min(each["traces"] for each in (result, operand, unread)) > 20
    assert result["follows"]["rate"] > 0.5 and operand["changes"]["rate"] < 0.2
    assert unread["follows"]["rate"] > 0.8
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_students_are_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny = "--d-model 16 --n-layers 1 --student-steps 1 --steps 1 --traces 20 --n-evaluated 1"
    assert main(f"distill --device cpu {tiny} --json --name one".split()) == 0
    assert main(f"distill --device cpu {tiny} --json --name two --filter none".split()) == 0
    capsys.readouterr()
    runs = ["--runs", "runs/one", "runs/two"]
    assert run_script("distillation", monkeypatch, *runs, "--n-problems", 2, "--json") == 0
    models = json.loads(capsys.readouterr().out)["models"]
    assert set(models) == {"runs/one", "runs/two", "before", "teacher"}
    assert run_script("distillation", monkeypatch, "--runs", "runs/student-16x1-1") == 2
    assert "was made by reasoning train, not reasoning distill" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("budget", ["--n-problems", 0], "n_problems must be at least 1, got 0"),
        ("budget", ["--n-samples", 0], "n_samples must be at least 1, got 0"),
        ("budget", ["--one-attempt", "gone"], "there is no run in 'gone'"),
        ("faithfulness", ["--n-problems", 0], "n_problems must be at least 1, got 0"),
        ("distillation", ["--runs", "gone"], "there is no run in 'gone'"),
        ("distillation", ["--runs", "a", "--n-problems", 0], "n_problems must be at least 1"),
    ],
)
def test_options_that_cannot_be_used_are_one_sentence(name, options, message, monkeypatch, capsys):
    assert run_script(name, monkeypatch, *options) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
