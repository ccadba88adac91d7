"""The demo and the capstone with stages of a step or two: slow, for they read the documentation."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SCRIPTS = Path(__file__).parents[1] / "scripts"
CAPSTONE = SCRIPTS / "capstone.py"
SHORT = (
    "--base-steps 2 --sft-steps 2 --reward-steps 2 --dpo-steps 2 --ppo-phases 1 --n-pairs 20 "
    "--n-sampled-questions 5 --n-questions 5 --json"
)


def document(command, folder):
    done = subprocess.run(
        [*command, *SHORT.split(), "--runs", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_demo_runs_every_stage_and_draws_them(tmp_path):
    found = document([sys.executable, "-m", "finetune", "demo"], tmp_path)
    assert list(found["models"]) == ["base", "sft", "dpo", "ppo"]
    assert list(found["standing"]) == ["sft", "dpo", "ppo"]
    assert found["standing"]["sft"]["kl"] == [0, 0, 0]
    assert found["reward"]["pairs"] > 20  # documented, and the model's own
    sums = found["sums"]
    best = sums.pop("best at beta 0.3")
    assert all(point["reward"] < best["reward"] for point in sums.values())
    assert sums["ppo"]["reward"] > sums["imitator"]["reward"] + 0.2
    assert sums["dpo"]["reward"] > sums["imitator"]["reward"] + 0.2
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_the_capstone_has_intervals_over_the_seeds(tmp_path):
    found = document([sys.executable, CAPSTONE, "--seeds", "3", "4"], tmp_path)
    assert [each["seed"] for each in found["seeds"]] == [3, 4]
    first, second = (each["standing"]["ppo"]["reward"][0] for each in found["seeds"])
    mean, low, high = found["over_seeds"]["standing"]["ppo"]["reward"]
    assert mean == pytest.approx((first + second) / 2)
    assert low <= mean <= high
    assert list(found["over_seeds"]["reward"]) == [
        f"{name} on {kind}"
        for name in ("reward", "reward-documented")
        for kind in ("documented", "own")
    ]
    assert len(found["seeds"][0]["phases"]["ppo-hacked"]["kl"]) == 1


def test_an_interval_needs_two_seeds():
    done = subprocess.run(
        [sys.executable, CAPSTONE, "--seeds", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    reason = "an interval needs at least two different seeds, got (1,)"
    assert done.stderr == f"capstone: {reason} (see: capstone --help)\n"


def test_the_run_of_a_real_model_keeps_its_commands_and_answers_by_number(home, tmp_path):
    model = str(home / "runs" / "base")
    short = ["--sft-steps", "2", "--dpo-steps", "2", "--n-samples", "3", "--json"]
    command = [sys.executable, SCRIPTS / "smollm2.py", "--model", model, *short]
    command += ["--runs", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found["stages"]) == ["smol", "smol-dpo"]
    assert found["stages"]["smol"]["command"].startswith(f"finetune sft --model {model}")
    assert [len(each["losses"]) for each in found["stages"].values()] == [2, 2]
    first, second, third = (each["number"] for each in found["samples"])
    assert first == 0
    assert second == third // 2 > 100
    assert list(found["samples"][0])[3:] == ["before", "smol", "smol-dpo"]
