"""The scripts, with sizes that take seconds."""

import json
import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

SCRIPTS = Path(__file__).parents[1] / "scripts"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded"


@pytest.fixture
def run_script(monkeypatch, capsys):
    """A function that runs a script with options in this process: status, stdout and stderr."""

    def run(name, *options):
        monkeypatch.setattr(sys, "argv", [name, *map(str, options)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(SCRIPTS / name), run_name="__main__")
        return stop.value.code, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_x_or_v_measures_and_draws_both_targets(run_script, tmp_path):
    small = "--steps 2 --batch-size 4 --d-model 16 --n-layers 1 --n-seeds 1 --n-samples 2"
    options = [*small.split(), "--patch-sizes", "16", "--plot", tmp_path / "x.png", "--json"]
    status, out, err = run_script("x_or_v.py", *options)
    assert status == 0, err
    found, recorded = json.loads(out), json.loads((RECORDED / "x-or-v.json").read_text("utf-8"))
    assert [each["target"] for each in found["results"]] == ["v", "x"]
    assert recorded.keys() == found.keys() | {"cpu"}
    assert recorded["results"][0].keys() == found["results"][0].keys()
    with Image.open(tmp_path / "x.png") as figure:
        assert figure.width > 600


@pytest.mark.slow
def test_words_or_vector_compares_three_models(run_script):
    status, out, err = run_script("words_or_vector.py", "--steps", "1")
    assert status == 0, err
    for parts in ("vector", "words", "both"):
        assert out.count(f" {parts} ") == 2


@pytest.mark.slow
def test_emoji_grids_have_every_held_out_pair(run_script, tmp_path):
    status, _, err = run_script("emoji_grids.py", "--output", tmp_path, "--guidance", "1")
    assert status == 0, err
    for name in ("emoji-trained.png", "emoji-held-out.png"):
        with Image.open(tmp_path / name) as drawn, Image.open(RECORDED / name) as recorded:
            assert drawn.size == recorded.size
