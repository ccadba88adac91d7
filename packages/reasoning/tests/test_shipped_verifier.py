"""The verifier of the package, on a few held-out puzzles, keeps what its report says."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch

from gpt.errors import BadInput
from reasoning.start.gate import held_out_puzzles
from reasoning.start.shipped import SHIPPED, load_start_model
from reasoning.verifier.attempts import Attempt, finish_attempts
from reasoning.verifier.metrics import roc_auc
from reasoning.verifier.scoring import VerifierValue
from reasoning.verifier.shipped import SHIPPED_VERIFIER, load_verifier


def test_the_verifier_is_small_and_comes_with_its_recipe_and_its_log():
    assert SHIPPED_VERIFIER.stat().st_size < 2_000_000
    found = load_verifier()
    lines = SHIPPED_VERIFIER.with_suffix(".jsonl").read_text().splitlines()
    assert len(lines) == found.recipe["loop"]["steps"] and found.kind == "process"
    assert json.loads(lines[-1])["loss"] < json.loads(lines[0])["loss"] / 2


def test_it_tells_attempts_that_win_from_those_that_do_not():
    start = load_start_model()
    puzzles = held_out_puzzles(start.tasks(), 40, seed=3)
    generator = torch.Generator().manual_seed(0)
    beginnings = [Attempt(puzzle, "") for puzzle in puzzles for _ in range(8)]
    attempts = [a for a in finish_attempts(start.model, beginnings, generator).attempts if a.steps]
    scores = VerifierValue(load_verifier().verifier).step_scores(attempts)
    wins = np.array([attempt.wins for attempt in attempts])
    assert 10 < wins.sum() < 100
    assert roc_auc(np.array([row[-1] for row in scores]), wins) > 0.98


@pytest.mark.parametrize("content", [b"", b"junk", safetensors.torch.save({})])
def test_a_file_that_is_no_verifier_is_refused(content, tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(BadInput, match="there is no verifier"):
        load_verifier(path)
    path.write_bytes(content)
    with pytest.raises(BadInput, match="a.safetensors' is damaged or is not a verifier"):
        load_verifier(path)


def test_a_start_model_is_no_verifier():
    with pytest.raises(BadInput, match="is not a verifier"):
        load_verifier(SHIPPED)
