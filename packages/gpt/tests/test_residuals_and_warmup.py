"""The script that trains with and without residual connections and warm-up, with one step."""

import json
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "residuals_and_warmup.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded"
CASES = {
    (kind, warmup) for kind in ("pre-norm", "post-norm", "no residual") for warmup in (0.0, 0.2)
}


def test_the_script_trains_every_kind_with_and_without_warm_up(run_script):
    status, out, err = run_script(SCRIPT, "--steps", "1", "--rates", "1e-3", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert {(run["kind"], run["warmup"]) for run in found["runs"]} == CASES
    assert all(4 < run["loss"] < 8 for run in found["runs"])  # ln 256 = 5.5
    for seed in range(3):
        recorded = json.loads((RECORDED / f"residuals_and_warmup-{seed}.json").read_text("utf-8"))
        assert recorded.keys() == found.keys()
        assert recorded["command"] == f"residuals_and_warmup.py --seed {seed} --json"
        assert {(run["kind"], run["warmup"]) for run in recorded["runs"]} == CASES


def test_a_negative_seed_is_refused(run_script):
    status, out, err = run_script(SCRIPT, "--seed", "-1")
    assert status == 2 and not out
    assert "seed must lie in" in err
