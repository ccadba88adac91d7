"""The script that measures lenses and probes, with steps that take seconds."""

import json
import runpy
from pathlib import Path

import pytest
import torch

from gpt.text.tokenizers import CharacterTokenizer

SCRIPT = Path(__file__).parents[1] / "scripts" / "lenses_and_probes.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded" / "lenses_and_probes.json"


def test_labels_of_a_text_written_out():
    text = 'a (b (c) d) "e f" )\n("\n\ng\n'
    tokenizer = CharacterTokenizer.train([text])
    windows = torch.tensor([tokenizer.encode(text)])
    labels = runpy.run_path(str(SCRIPT))["property_labels"](tokenizer, windows)
    inside, quoted, before_space = ("".join(map(str, row)) for row in labels[:, 0].tolist())
    assert len(text) == len(inside) + 1  # the last token has no next one
    assert inside == "0011111111" + 10 * "0" + "111" + "00"
    assert quoted == 12 * "0" + "1111" + 5 * "0" + "11" + "00"
    assert before_space == "".join(str(int(each == " ")) for each in text[1:])


@pytest.mark.slow
def test_lenses_and_probes_are_scored_after_every_block(run_script, tmp_path):
    text = "".join(f'{n} squared (n * n) is "{n * n}". ' for n in range(400))
    (tmp_path / "text.txt").write_text(text)
    short = ["--steps", "1", "--lens-steps", "1", "--windows", "3", "--n-layers", "2", "--json"]
    options = ["--data", tmp_path / "text.txt", "--vocab-size", "260", *short]
    status, out, err = run_script(SCRIPT, *options)
    assert status == 0, err
    found, recorded = json.loads(out), json.loads(RECORDED.read_text("utf-8"))
    assert found.keys() == recorded.keys()
    assert found["settings"].keys() == recorded["settings"].keys()
    assert len(found["plain"]) == len(found["tuned"]) == 3
    assert found["plain"][-1] == found["tuned"][-1] == 0
    assert found["probes"].keys() == recorded["probes"].keys()
    assert all(len(each["accuracy"]) == 3 for each in found["probes"].values())


def test_the_recorded_tuned_lens_is_closer_to_the_model_in_every_layer():
    recorded = json.loads(RECORDED.read_text("utf-8"))
    plain, tuned = recorded["plain"], recorded["tuned"]
    assert all(a > b for a, b in zip(plain[:-1], tuned[:-1], strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--windows", "2"], "at least 3, got 2"), (["--windows", "30"], "30 windows need 1950")],
)
def test_too_few_windows_are_reported_in_one_sentence(run_script, tmp_path, options, message):
    (tmp_path / "text.txt").write_text("a short text. " * 30)
    status, out, err = run_script(
        SCRIPT, "--data", tmp_path / "text.txt", "--vocab-size", "260", *options
    )
    assert status == 2 and not out
    assert message in err and err.count("\n") == 1
