"""`reasoning solve`: every method answers, shows its work and counts what it spent."""

import io
import json
import re
import runpy
from pathlib import Path

import pytest
from rich.console import Console

from gpt.text.tokenizers import CharacterTokenizer, save_tokenizer
from reasoning.cli import main
from reasoning.commands.solve import watch
from reasoning.search.cost import Cost
from reasoning.search.methods import METHODS, Progress
from reasoning.search.pictures import VotePicture
from reasoning.search.result import Solution
from reasoning.start.shipped import SHIPPED
from reasoning.tasks.countdown import Puzzle, check_answer
from reasoning.tasks.expressions import parse_expression

SOLVE = ["solve", "24", "4", "5", "7", "9", "--method"]
SPENDS = {
    "sample": {"generated"},
    "vote": {"generated"},
    "best-of-n": {"generated", "read"},
    "tot": {"generated", "read", "evaluated"},
    "tot-dfs": {"read", "evaluated"},
    "mcts": {"generated", "read", "evaluated"},
    "uct": {"evaluated"},
}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_and_says_what_it_spent(method, capsys):
    options = [*SOLVE, method, "--max-evaluated", "40", "--n-samples", "9"]
    assert main([*options, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["target"], report["numbers"]) == (24, [4, 5, 7, 9])
    answer = report["answer"]
    fault = (
        None if answer is None else check_answer(Puzzle((4, 5, 7, 9), 24), parse_expression(answer))
    )
    assert report["right"] is (answer is not None and fault is None)
    assert {name for name, spent in report["cost"].items() if spent} == SPENDS[method]
    assert report["cost"]["evaluated"] <= 40
    assert ("end test" in report["oracles"]) is ("evaluated" in SPENDS[method])
    assert main(options) == 0
    printed = capsys.readouterr().out
    assert (answer or "none") in printed
    assert ("right" if report["right"] else "wrong") in printed
    spent = "{generated} tokens generated, {read} tokens read".format(**report["cost"])
    assert spent in re.sub(r"\s+", " ", printed)


def test_a_tree_shows_visits_and_the_way_to_the_answer(capsys):
    assert main(["solve", "53", "6", "1", "9", "12", "--method", "mcts"]) == 0
    printed = capsys.readouterr().out
    assert re.match(r"53 of 6 1 9 12   visits \d+, value \d\.\d\d\n", printed)
    assert re.search(r"= 53   left: 53 ", printed)
    assert main(["solve", "53", "6", "1", "9", "12", "--method", "mcts", "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["visits"] == 1 + sum(move["visits"] for move in tree["moves"])


def test_a_puzzle_without_a_solution_is_named_as_such(capsys):
    assert main(["solve", "99", "1", "2", "--method", "uct"]) == 0
    printed = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "there is no answer (99 cannot be made of these numbers)" in printed


def test_the_answers_so_far_are_drawn_in_a_terminal_only():
    class Picture(VotePicture):
        n_drawn = 0

        def __rich__(self):
            Picture.n_drawn += 1
            return super().__rich__()

    solution = Solution(Puzzle((1, 2), 3), "1 + 2", Cost())
    answers = [Progress(solution, Picture({"1 + 2": float(n)}, n)) for n in (1, 2, 3)]
    for is_terminal in (False, True):
        Picture.n_drawn = 0
        console = Console(force_terminal=is_terminal, file=io.StringIO())
        last = watch(iter(answers), console)
        assert last is answers[-1]
        assert (Picture.n_drawn > 0) is is_terminal


def test_a_start_file_or_a_run_can_be_given(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call = ["solve", "6", "2", "3", "--method", "mcts", "--json"]
    answers = set()
    for model in ([], ["--model", str(SHIPPED)]):
        assert main([*call, *model]) == 0
        answers.add(capsys.readouterr().out)
    assert len(answers) == 1
    tiny = ["--d-model", "16", "--n-layers", "1", "--steps", "1", "--batch-size", "6"]
    main(["train", *tiny, "--n-evaluated", "2", "--device", "cpu", "--name", "tiny"])
    capsys.readouterr()
    assert main([*call, "--model", "runs/tiny"]) == 0
    assert json.loads(capsys.readouterr().out)["right"]
    save_tokenizer(
        tmp_path / "runs/tiny/tokenizer.json", CharacterTokenizer(list(map(chr, range(212))))
    )
    assert main([*call, "--model", "runs/tiny"]) == 2


def test_the_script_compares_the_searches(monkeypatch, capsys):
    path = Path(__file__).parents[1] / "scripts" / "search.py"
    options = ["--n-problems", "3", "--n-seeds", "1", "--max-evaluated", "20", "--json"]
    monkeypatch.setattr("sys.argv", [str(path), *options])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(path), run_name="__main__")
    report = json.loads(capsys.readouterr().out)
    assert stop.value.code == 0
    assert {"one trace", "UCT, no model", "PUCT"} < set(report["rows"])
    for name, row in report["rows"].items():
        assert 0 <= row["low"] <= row["solved"] <= row["high"] <= 1, name
        assert row["evaluated"] <= 20 or name == "beam, own verdict"
