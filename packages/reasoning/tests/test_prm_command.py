import json
import os
import shutil
import subprocess
import sys

import pytest
import torch

from gpt.runs.folder import RunFolder
from reasoning.cli import main
from reasoning.start.gate import held_out_puzzles
from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import multiset
from reasoning.verifier.report import best_of_eight
from reasoning.verifier.run import load_trained_verifier, read_labels
from reasoning.verifier.scoring import VerifierValue
from reasoning.verifier.shipped import load_verifier

CALL = (
    "prm --device cpu --n-puzzles 6 --n-attempts 2 --n-rollouts 2 --batch-size 4 --n-evaluated 2 "
    "--steps"
)
TINY = CALL.split()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a finished run of four steps."""
    path = tmp_path_factory.mktemp("prm")
    name = ["--runs", str(path / "runs"), "--name", "whole"]
    assert main([*TINY, "4", "--save-every", "1", *name, "--json"]) == 0
    return path


def test_a_run_is_measured_and_written(home):
    report = json.loads((home / "runs/whole/report.json").read_text())
    assert set(report["rankings"]) == {"step 1", "step 2", "step 3", "all"}
    assert {"one sample", "vote", "logprob", "process, min", "oracle"} < set(report["choices"])
    oracle, vote = (report["choices"][name]["rate"] for name in ("oracle", "vote"))
    assert oracle["estimate"] >= vote["estimate"] and vote["low"] <= vote["high"]
    found = load_verifier(home / "runs/whole/verifier.safetensors")
    trained = load_trained_verifier(RunFolder(home / "runs/whole"))
    assert all(
        map(torch.equal, found.verifier.state_dict().values(), trained.state_dict().values())
    )
    assert found.kind == "process" and found.recipe["n_rollouts"] == 2 and found.report == report


@pytest.fixture
def copied(home, tmp_path):
    """A copy of the finished run."""
    return shutil.copytree(home / "runs/whole", tmp_path / "copied")


def test_a_resumed_run_keeps_its_labels_and_ends_with_the_same_bits(home, copied, capsys):
    labels = (copied / "labels.jsonl").read_bytes()
    for late in (copied / "checkpoints").glob("step-0000000[34]*"):
        late.unlink()  # as after a kill in step 3
    assert main(["prm", "--resume", str(copied), "--no-json"]) == 0
    printed = capsys.readouterr().out
    for heading in ("rho V*", "mean V^pi", "first error found by", "best of 8 by"):
        assert heading in printed
    whole, again = (
        load_trained_verifier(RunFolder(path)) for path in (home / "runs/whole", copied)
    )
    assert all(map(torch.equal, whole.state_dict().values(), again.state_dict().values()))
    assert (copied / "labels.jsonl").read_bytes() == labels


def test_labels_come_from_training_multisets_only(home):
    held_out = {multiset(puzzle) for puzzle in load_start_model().tasks().four.held_out}
    labels = read_labels(RunFolder(home / "runs/whole"))
    assert len(labels) == 12
    assert not {multiset(each.attempt.puzzle) for each in labels} & held_out


def test_both_kinds_take_part_in_best_of_eight(home):
    value = VerifierValue(load_verifier(home / "runs/whole/verifier.safetensors").verifier)
    start = load_start_model()
    puzzles = held_out_puzzles(start.tasks(), 3)
    rates, tokens = best_of_eight(start.model, {"outcome": value, "process": value}, puzzles)
    assert rates["outcome, last"] == rates["process, last"]
    votes = (rates[f"vote weighted by {kind}, last"] for kind in ("outcome", "process"))
    assert len(set(votes)) == 1 and "outcome, min" not in rates
    read = (tokens[f"eight traces, read by the {kind} model"] for kind in ("outcome", "process"))
    highest = rates["oracle"].rate.estimate
    assert len(set(read)) == 1 and all(each.rate.estimate <= highest for each in rates.values())


@pytest.mark.slow
def test_an_outcome_model_is_trained_and_compared(home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    assert main([*TINY, "1", "--kind", "outcome", "--name", "orm", "--json"]) == 0
    choices = json.loads(capsys.readouterr().out)["choices"]
    assert "outcome, last" in choices and "process, last" not in choices
    outcome = ["--outcome", "runs/orm/verifier.safetensors"]
    assert main([*TINY, "1", *outcome, "--name", "both", "--json"]) == 0
    choices = json.loads(capsys.readouterr().out)["choices"]
    assert {"outcome, last", "process, last"} < set(choices)


def test_changed_labels_are_refused(copied, capsys):
    labels = copied / "labels.jsonl"
    labels.write_text(labels.read_text() + "\n")
    assert main(["prm", "--resume", str(copied)]) == 2
    assert "labels.jsonl' is not what the run was started with" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="posix: gloo under torchrun")
def test_a_verifier_of_two_processes_learns_what_one_does(home):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", "-m", "reasoning", *TINY, "4", "--name", "two"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
    )
    assert done.returncode == 0, done.stderr
    one, two = (RunFolder(home / "runs" / name).read_log() for name in ("whole", "two"))
    assert len(one) == len(two) == 4
    for a, b in zip(one, two, strict=True):
        assert (a["loss"], a["grad_norm"]) == pytest.approx((b["loss"], b["grad_norm"]), abs=1e-5)
