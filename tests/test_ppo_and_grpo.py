"""The comparison of PPO and GRPO takes turns on the same puzzles, and reports both."""

import json
import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "ppo_and_grpo.py"))


@pytest.mark.slow
def test_both_learn_from_as_many_answers(capsys):
    config = SCRIPT["ComparisonConfig"](
        n_phases=2, prompts_per_phase=2, group_size=2, n_problems=2, json=True
    )
    assert SCRIPT["main"](config) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["methods"]) == {"GRPO", "PPO"}
    for row in report["methods"].values():
        assert row["before"] == report["methods"]["PPO"]["before"]
        assert row["seconds_per_phase"] > 0
        assert row["after"]["entropy"] != row["before"]["entropy"]  # it was trained


def test_phases_take_turns_and_end():
    taken = []

    def phases(name):
        for n in range(2):
            taken.append((name, n))
            yield type("Record", (), {"score": float(n)})

    scores, seconds = SCRIPT["take_turns"]({"a": phases("a"), "b": phases("b")}, 2)
    assert taken == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert scores == {"a": [0.0, 1.0], "b": [0.0, 1.0]}
    assert [len(each) for each in seconds.values()] == [2, 2]


def test_no_phases_are_refused():
    with pytest.raises(ValueError, match="n_phases must be at least 1, got 0"):
        SCRIPT["ComparisonConfig"](n_phases=0)
