"""The scripts of chapter 13, with a few tokens of SmolLM2, and the reports they have left."""

import json
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded"


@pytest.mark.slow
@pytest.mark.usefixtures("smollm2_wheel")
def test_drafts_are_trained_and_measured(run_script):
    few = ["--n-train", 2, "--n-held-out", 1, "--max-new-tokens", 4]
    short = [*few, "--steps", 1, "--repeats", 1, "--json"]
    status, out, err = run_script(SCRIPTS / "speculative_draft.py", *short)
    assert status == 0, err
    found, recorded = json.loads(out), json.loads((RECORDED / "speculative_draft.json").read_text())
    assert found.keys() == recorded.keys()
    for each in (found, recorded):
        assert all(result["different_answers"] == 0 for result in each["decoding"].values())


@pytest.mark.slow
@pytest.mark.usefixtures("smollm2_wheel")
def test_models_of_fewer_bits_are_measured(run_script):
    short = ["--n-tokens", "8", "--n-new-tokens", "1", "--repeats", "1", "--json"]
    status, out, err = run_script(SCRIPTS / "quantised_smollm2.py", *short)
    assert status == 0, err
    found, recorded = json.loads(out), json.loads((RECORDED / "quantised_smollm2.json").read_text())
    assert found.keys() == recorded.keys() and found["models"].keys() == recorded["models"].keys()
    for name, each in found["models"].items():
        assert each["megabytes"] == recorded["models"][name]["megabytes"]


@pytest.mark.parametrize(
    ("script", "option", "message"),
    [
        ("speculative_draft.py", "--n-train", "n_train must be at least 1, got 0"),
        ("quantised_smollm2.py", "--n-tokens", "n_tokens must be at least 1, got 0"),
    ],
)
def test_experiments_without_data_are_refused(run_script, script, option, message):
    status, out, err = run_script(SCRIPTS / script, option, 0)
    assert status == 2 and not out and message in err
