"""The script that measures the fast recipe, on a text and with steps that take seconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "time_to_loss.py"
TEXT = "".join(f"{n} squared is {n * n}, and that is all. " for n in range(1500))


def run(text, *options):
    command = [sys.executable, SCRIPT, "--data", text, *options, "--device", "cpu"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_prints_both_curves_and_the_quotient_of_their_times(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    steps = ("--plain-steps", "4", "--fast-steps", "8", "--validate-every", "4")
    done = run(tmp_path / "text.txt", *steps, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["speedup"] == pytest.approx(
        found["plain_seconds"] / found["fast_seconds"], abs=0.01
    )
    assert found["plain"][-1]["step"] == 4
    assert found["plain"][-1]["loss"] == found["plain_final_loss"] >= found["fast"][-1]["loss"]
    assert 0.98 < found["parameters"]["fast"] / found["parameters"]["plain"] <= 1
    assert "the text is short" in done.stderr


def test_a_goal_that_is_never_reached_is_no_speedup(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    done = run(tmp_path / "text.txt", "--plain-steps", "12", "--fast-steps", "1", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["speedup"] is None
    assert "the fast arm never reached" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"), [(None, "there is no file"), ("", "holds no text"), ("few", "too few")]
)
def test_a_text_that_cannot_be_used_is_told_in_one_sentence(text, message, tmp_path):
    if text is not None:
        (tmp_path / "text.txt").write_text(text)
    done = run(tmp_path / "text.txt")
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
