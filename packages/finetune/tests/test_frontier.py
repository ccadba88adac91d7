"""The script that places DPO and PPO below the frontier, with steps that take seconds."""

import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "frontier.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded" / "frontier.json"
METHODS = ["dpo", "dpo, nobody errs", "ppo"]


@pytest.mark.slow  # short sibling: both methods stay below the frontier, in test_optimum.py
def test_every_method_is_placed_at_every_beta_and_below_the_frontier(run_script):
    short = "--seeds 3 --imitation 2 --steps 2 --phases 2 --answers 2 --betas 1.0 --json"
    status, out, err = run_script(SCRIPT, *short.split())
    assert status == 0, err
    found = json.loads(out)
    recorded = json.loads(RECORDED.read_text("utf-8"))
    assert recorded.keys() == found.keys()
    assert [each["seed"] for each in found["runs"]] == [3]
    for document in (recorded, found):
        for each in document["runs"]:
            assert each.keys() == recorded["runs"][0].keys()
            assert list(each["methods"]) == METHODS
            assert len(each["frontier"]) == len(document["curve"]) == 61
            assert each["reference"]["kl"] == 0
            for points in [each["aims"], *each["methods"].values()]:
                assert len(points) == len(document["betas"])
                assert all(0 <= point["reward"] <= 1 for point in points)
            for points in each["methods"].values():
                assert all(point["reward"] <= point["best"] + 1e-3 for point in points)


def test_without_a_seed_there_is_nothing_to_measure(run_script):
    status, out, err = run_script(SCRIPT, "--seeds")
    assert status == 2 and not out
    assert "seeds must" in err
