"""Our process reward model against steps of trl 1.12.0, which were recorded once."""

import json
import subprocess
from pathlib import Path

import pytest
import torch

from reasoning.comparison import prm_rows
from reasoning.comparison.prm_recorded import (
    initial_verifier,
    load_prm_recording,
    recorded_prm_steps,
)
from reasoning.verifier.data import verifier_loss

SCRIPT = Path(__file__).parents[1] / "scripts/prm_fixture.py"


def test_all_rows_are_equal():
    rows = prm_rows.prm_rows()
    assert [row.name for row in rows if not row.is_equal] == []
    assert len(rows) == 3 and all(row.library == "trl 1.12.0, recorded" for row in rows)


def test_the_labels_are_on_the_tokens_that_end_a_step():
    separator, n_labels = load_prm_recording()["model"]["separator"], []
    for step in recorded_prm_steps():
        rows = step.rows
        assert torch.equal(rows.mask, rows.tokens == separator)
        n_labels += rows.mask.sum(dim=1).tolist()
    assert len(recorded_prm_steps()) == 4 and set(n_labels) == {1, 2, 3}


def test_the_chance_is_the_softmax_of_the_two_outputs():
    """The difference of two logits goes through the sigmoid as both go through the softmax."""
    recording, model = load_prm_recording(), initial_verifier()
    head = [
        torch.tensor(recording["weights_before"][f"classifier.{kind}"], dtype=torch.float64)
        for kind in ("weight", "bias")
    ]
    tokens = recorded_prm_steps()[0].rows.tokens
    with torch.no_grad():
        two = torch.nn.functional.linear(model.hidden(tokens), *head).softmax(dim=-1)
    torch.testing.assert_close(model.chances(tokens), two[..., 1], rtol=0, atol=1e-12)


def one_token_late(model, rows):
    mask = rows.mask.roll(1, dims=1)
    return verifier_loss(model, rows._replace(mask=mask, labels=rows.labels.roll(1, dims=1)))


def swapped(model, rows):
    return verifier_loss(model, rows._replace(labels=1 - rows.labels))


def mean_per_row(model, rows):
    """Give the labels of a long attempt less weight each."""
    parts = [
        verifier_loss(model, type(rows)(*(each[i : i + 1] for each in rows)))
        for i in range(len(rows.tokens))
    ]
    return type(parts[0])(sum(part.total / part.terms for part in parts), len(parts))


@pytest.mark.parametrize("wrong", [one_token_late, swapped, mean_per_row])
def test_another_loss_is_found(monkeypatch, wrong):
    monkeypatch.setattr(prm_rows, "verifier_loss", wrong)
    assert not any(row.is_equal for row in prm_rows.prm_rows())


@pytest.mark.slow
def test_the_script_records_the_same_numbers_again(tmp_path):
    output = tmp_path / "again.json"
    command = ["uv", "run", "--script", SCRIPT, "--output", output]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    again, recorded = json.loads(output.read_text("utf-8")), load_prm_recording()
    for before, after in zip(recorded["steps"], again["steps"], strict=True):
        assert before["input_ids"] == after["input_ids"] and before["labels"] == after["labels"]
        assert after["loss"] == pytest.approx(before["loss"], abs=1e-9)
        for name, weight in before["weights"].items():
            torch.testing.assert_close(
                torch.tensor(after["weights"][name]), torch.tensor(weight), rtol=0, atol=1e-9
            )
