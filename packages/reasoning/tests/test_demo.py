"""`reasoning demo`: every method on one puzzle, then the table on a few problems."""

import json

import pytest

from reasoning.cli import main
from reasoning.search.methods import METHODS
from reasoning.table.measure import TASKS


@pytest.mark.slow
def test_the_demo_shows_every_method(tmp_path, capsys):
    options = ["--runs", str(tmp_path / "demo"), "--n-problems", "3"]
    assert main(["demo", *options, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["answers"]) == list(METHODS)
    assert {task: list(rows) for task, rows in report["rows"].items()} == {
        task: list(rows) for task, rows in TASKS.items()
    }
    assert (tmp_path / "demo" / "costs.png").is_file()
    assert main(["demo", *options]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in (*METHODS, "UCT without a model", "steps, greedy"))
    *lines, picture = printed.strip().splitlines()
    assert picture.endswith("costs.png")
    assert max(map(len, lines)) <= 100
