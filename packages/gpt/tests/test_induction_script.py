"""The script that follows induction heads in training, with steps that take seconds."""

import json
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "induction.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded" / "induction.json"


def test_the_script_follows_the_models_and_the_control(run_script):
    short = ["--steps", "2", "--seeds", "1", "--measure-every", "1", "--json"]
    status, out, err = run_script(SCRIPT, *short)
    assert status == 0, err
    found, recorded = json.loads(out), json.loads(RECORDED.read_text("utf-8"))
    assert found.keys() == recorded.keys()
    (run,) = found["runs"]
    assert run.keys() == found["control"].keys() == recorded["control"].keys()
    assert [each["step"] for each in run["curve"]] == [0, 1, 2]
    assert run["curve"][0].keys() == recorded["runs"][0]["curve"][0].keys()
    assert run["induction_heads"] == [] and run["accuracy_without_induction_heads"] is None
    assert [len(run["example"][name]) for name in ("tokens", "induction")] == [25, 25]


def test_an_experiment_without_steps_is_reported_in_one_sentence(run_script):
    status, out, err = run_script(SCRIPT, "--steps", "0")
    assert status == 2 and not out
    assert err.count("\n") == 1 and "steps must be at least 1" in err
