"""Rules on logs that a reader can check, then real runs with known faults."""

import json
import re
from pathlib import Path

import pytest

from gpt.errors import BadInput
from gpt.training.diagnosis import diagnose, part_means

SCRIPT = Path(__file__).parents[1] / "scripts" / "diagnosed_runs.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded"
VERDICTS = {"healthy", "stuck", "diverging", "overfitting", "underfitting"}


def log(losses, validations=()):
    """A log whose validations fall on evenly spaced steps, the last on the last step."""
    due = {len(losses) * (n + 1) // len(validations): v for n, v in enumerate(validations)}
    return [
        {"step": step, "loss": loss, "grad_norm": 1.0, "validation": due.get(step)}
        for step, loss in enumerate(losses, start=1)
    ]


FALLING = [6.0, 5.0, 4.5, 4.0, 3.6, 3.4, 3.2, 3.1, 3.0, 2.9]


@pytest.mark.parametrize(
    ("verdict", "losses", "validations", "reason"),
    [
        ("healthy", FALLING, [4.0, 3.0], "ended at 3.000, below the bigram loss of 3.500"),
        ("healthy", FALLING, [], "the training loss ended at 2.900"),
        ("diverging", [*FALLING[:9], float("nan")], [4.0, 3.0], "the loss is nan at step 10"),
        ("diverging", FALLING, [4.0, float("inf")], "the loss is inf at step 10"),
        ("diverging", [*FALLING[:8], 3.3, 3.5], [4.0, 3.0], "ended at 3.500, .* down to 3.100"),
        ("diverging", [6, 19, 12, 8, 7, 6, 5.6, 5.5, 5.5, 5.5], [5.5], "from 6.000 to 19.000"),
        ("healthy", [6, 19, *FALLING[2:]], [3.0], "below the bigram loss"),
        ("stuck", [6.0, 5.3] + [5.0] * 8, [5.0, 5.0], "ended at 5.000 and does not move"),
        ("stuck", [6.0, 5.3] + [4.8] * 8, [5.0, 4.95], "validation loss ended at 4.950"),
        ("stuck", [6.0] * 10, [6.0], "ended at 6.000 and does not move"),
        ("overfitting", FALLING, [3.3, 3.0, 3.1, 3.4, 3.8], "from 3.000 at step 4 to 3.800"),
        ("healthy", FALLING, [3.3, 3.1, 3.0, 3.01], "below the bigram loss"),  # within noise
        # learned by heart: a loss near zero varies
        ("overfitting", [6, 3, 1, *[0.04, 0.02] * 3, 0.05], [3.3, 4.0, 5.0], "step 3 to 5.000"),
        ("underfitting", [6.0 - 0.2 * n for n in range(10)], [4.3], "has not settled"),
        ("underfitting", [6.0, 5.0] + [4.0] * 8, [4.1], "no longer falls"),
        ("underfitting", [6.0], [5.9], "has not settled"),
        ("underfitting", [5.9] * 9, [5.9], "train for longer"),  # too short to be called stuck
    ],
)
def test_logs_by_hand(verdict, losses, validations, reason):
    found = diagnose(log(losses, validations), unigram=5.0, bigram=3.5)
    assert found.verdict == verdict, found.reason
    assert re.search(reason, found.reason), found.reason


def test_the_means_of_tenths_by_hand():
    assert part_means([float(n) for n in range(20)]) == [
        0.5,
        2.5,
        4.5,
        6.5,
        8.5,
        10.5,
        12.5,
        14.5,
        16.5,
        18.5,
    ]
    assert part_means([3.0, 1.0]) == [3.0, 1.0]
    assert len(part_means([1.0] * 25)) == 10


TEXTS = {
    "documentation": "diagnosed_runs",
    "source code": "diagnosed_runs",
    "web": "diagnosed_runs-web",
    "tools": "diagnosed_runs-tools",
}
"""File of each text; rules were chosen and corrected on the first three, the last is the test."""


def recorded(text):
    runs = json.loads((RECORDED / f"{TEXTS[text]}.json").read_text("utf-8"))["runs"]
    return [run for run in runs if run["text"] == text]


def records(columns):
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_recorded_runs_are_diagnosed_right(text):
    assert {run["expected"] for run in recorded(text)} == VERDICTS
    for run in recorded(text):
        found = diagnose(records(run["log"]), run["unigram"], run["bigram"])
        expected = run["expected"]
        if (text, run["cause"]) == ("web", "AdamW and warm-up"):
            expected = "underfitting"  # it was meant to be healthy, and ended above the bigram
        assert found.verdict == expected, (run["cause"], found.reason)


def test_every_text_has_seeds_of_its_own():
    assert [{run["seed"] for run in recorded(text)} for text in TEXTS] == [{0, 1}, {2}, {3}, {4}]


def test_an_empty_log_is_refused():
    with pytest.raises(BadInput, match="the log is empty"):
        diagnose([], unigram=5.0, bigram=4.0)


def test_a_record_with_an_unknown_or_missing_field_is_refused():
    with pytest.raises(BadInput, match="record 2 of the log has the unknown field 'reward'"):
        first, second = log([6.0, 5.0])
        diagnose([first, second | {"reward": 1.0}], 5.0, 4.0)
    with pytest.raises(BadInput, match="record 1 of the log lacks the field 'validation'"):
        diagnose([{"step": 1, "loss": 6.0}], 5.0, 4.0)


@pytest.mark.slow
def test_the_script_trains_runs_with_five_faults(run_script):
    short = ["--texts", "tools", "--steps", "10", "--characters", "60000", "--json"]
    status, out, err = run_script(SCRIPT, *short)
    assert status == 0, err
    found = json.loads(out)
    assert found.keys() == json.loads((RECORDED / "diagnosed_runs.json").read_text("utf-8")).keys()
    assert {run["expected"] for run in found["runs"]} == VERDICTS
    assert all(len(run["log"]["loss"]) <= 10 for run in found["runs"])


@pytest.mark.slow
def test_trained_again_the_runs_are_diagnosed_right(run_script):
    status, out, err = run_script(SCRIPT, "--texts", "documentation", "--json")
    assert status == 0, err
    for run in json.loads(out)["runs"]:
        verdict = diagnose(records(run["log"]), run["unigram"], run["bigram"]).verdict
        assert verdict == run["expected"], err


def test_the_script_refuses_runs_too_short_to_diagnose(run_script):
    status, out, err = run_script(SCRIPT, "--steps", "9")
    assert status == 2 and not out
    assert "steps must be at least 10, got 9" in err
