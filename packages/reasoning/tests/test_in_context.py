import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from gpt.text.tokenizers import decode
from reasoning.prompting.in_context import example_prompts, solved_prompts
from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import TOKENIZER

PUZZLE, OTHER = Puzzle((4, 5, 7, 9), 24), Puzzle((1, 2, 3, 4), 10)


def test_examples_are_complete_traces_of_the_right_puzzle():
    same = Puzzle((9, 7, 5, 4), 30)  # the same multiset cannot be an example
    random = np.random.default_rng(0)
    for _ in range(10):
        prompts = example_prompts(PUZZLE, (same, OTHER), random)
        assert "10 : 1 2 3 4" in decode(TOKENIZER, prompts.with_other)
    assert decode(TOKENIZER, prompts.without).strip() == "24 : 4 5 7 9 think"
    example = prompts.with_other[: -len(prompts.without)]
    assert prompts.with_other[-len(prompts.without) :] == prompts.without
    assert example[-1] == TOKENIZER.end_of_text
    assert decode(TOKENIZER, example).strip().startswith("10 : 1 2 3 4 think")
    copied = decode(TOKENIZER, prompts.with_same).strip()
    assert copied.startswith("24 : 4 5 7 9 think") and copied.endswith("24 : 4 5 7 9 think")
    assert " hit answer " in copied and " miss " not in copied


def test_the_start_model_solves_its_puzzle_best_without_an_example():
    model, n = load_start_model().model, 40
    prompts = example_prompts(PUZZLE, (OTHER,), np.random.default_rng(0))
    without, with_other, _ = (
        solved_prompts(model, [PUZZLE], [rows], n, torch.Generator().manual_seed(0))
        for rows in prompts
    )
    assert without.shape == (1, n) and without.mean() > 0.1 > with_other.mean()


def test_the_script_prints_three_rates_and_refuses_none(monkeypatch, capsys):
    path = str(Path(__file__).parents[1] / "scripts" / "in_context.py")
    for options, status in ((["--n-problems", "3", "--json"], 0), (["--n-samples", "0"], 2)):
        monkeypatch.setattr("sys.argv", [path, *options])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(path, run_name="__main__")
        assert stop.value.code == status
    printed = capsys.readouterr()
    rows = json.loads(printed.out)["prompts"]
    assert [row["prompt"] for row in rows] == ["without", "with_other", "with_same"]
    assert rows[0]["gain"] == 0 and printed.err.count("\n") == 1
