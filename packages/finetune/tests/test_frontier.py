"""The script that places DPO and PPO below the frontier, with steps that take seconds."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "frontier.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded" / "frontier.json"
METHODS = ["dpo", "dpo, nobody errs", "ppo"]


def run(*options):
    command = [sys.executable, SCRIPT, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_method_is_placed_at_every_beta_and_below_the_frontier():
    short = "--seeds 3 --imitation 2 --steps 2 --phases 2 --answers 2 --betas 1.0 --json"
    done = run(*short.split())
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
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


def test_without_a_seed_there_is_nothing_to_measure():
    done = run("--seeds")
    assert done.returncode == 2 and not done.stdout
    assert "seeds must" in done.stderr and "Traceback" not in done.stderr
