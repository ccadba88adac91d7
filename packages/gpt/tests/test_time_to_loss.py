"""The script that measures the fast recipe, on a text and with steps that take seconds."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from gpt.errors import BadInput

SCRIPT = Path(__file__).parents[1] / "scripts" / "time_to_loss.py"
TEXT = "".join(f"{n} squared is {n * n}, and that is all. " for n in range(1500))


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("time_to_loss", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["time_to_loss"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["time_to_loss"]


@pytest.fixture
def config(script, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    steps = {"plain_steps": 4, "fast_steps": 8, "validate_every": 4}
    return script.Config(str(path), **steps, device="cpu", json=True)


@pytest.mark.parametrize("ngrams", [True, False])
def test_it_prints_both_curves_and_the_quotient_of_their_times(script, config, ngrams, capsys):
    assert script.main(replace(config, ngrams=ngrams)) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    quotient = found["plain_seconds"] / found["fast_seconds"]
    assert found["speedup"] == pytest.approx(quotient, abs=0.01)
    assert [point["step"] for point in found["plain"]] == [4]
    assert found["plain"][0]["loss"] == found["plain_final_loss"] >= found["fast"][-1]["loss"]
    assert 0.98 < found["parameters"]["fast"] / found["parameters"]["plain"] <= 1
    assert "a short text: a tenth" in printed.err


def test_a_goal_that_is_never_reached_is_no_speedup(script, config, capsys):
    assert script.main(replace(config, plain_steps=12, fast_steps=1, json=False)) == 1
    printed = capsys.readouterr()
    assert "plain: " in printed.out and "times" not in printed.out
    assert "the fast arm never reached" in printed.err


def test_validating_takes_no_time_on_the_clock(script, config, monkeypatch):
    clock, validated = SimpleNamespace(now=0), script.negative_log_likelihoods

    def surprises(*inputs):
        clock.now += 5
        return validated(*inputs)

    def batch(*inputs):
        clock.now += 1
        return windows(*inputs)

    text, arm = script.read(config.data), script.arms(config, 100)["fast"]
    windows = script.RandomWindows(text.train, 64, 2, 0)
    monkeypatch.setattr(script, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(script, "negative_log_likelihoods", surprises)
    monkeypatch.setattr(script, "RandomWindows", lambda *_: batch)
    points = list(script.curve(arm, text, script.pick_device("cpu"), seed=0))
    assert [point.seconds for point in points] == [4, 8]


@pytest.mark.parametrize(("text", "message"), [("", "holds no text"), ("few", "too few")])
def test_a_text_that_is_too_short_is_refused(script, text, message, tmp_path):
    (tmp_path / "text.txt").write_text(text)
    with pytest.raises(BadInput, match=message):
        script.read(str(tmp_path / "text.txt"))


def test_a_missing_file_is_told_in_one_sentence(run_script, tmp_path):
    status, out, err = run_script(SCRIPT, "--data", tmp_path / "text.txt")
    assert status == 2
    assert "there is no file" in err and err.count("\n") == 1 and not out
