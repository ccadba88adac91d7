"""The script that compares schemes of positions, with steps that take seconds."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "length_extrapolation.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded" / "length_extrapolation.json"
SCHEMES = ["learned", "sinusoidal", "rotary", "alibi", "none"]


def run(path, *options):
    command = [sys.executable, SCRIPT, "--data", path, "--vocab-size", "300", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_scheme_is_read_at_every_length_but_the_learned_one(tmp_path):
    text = "".join(f"{n} squared is {n * n}, and that is all. " for n in range(600))
    (tmp_path / "text.txt").write_text(text)
    done = run(tmp_path / "text.txt", "--steps", "2", "--repeats", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found["schemes"]) == SCHEMES
    for scheme, each in found["schemes"].items():
        assert list(each["loss"]) == ["64", "128", "256"]
        far = each["loss"]["128"] + each["loss"]["256"]
        assert all((loss is None) == (scheme == "learned") for loss in far)
        assert len(each["along"]) == (4 if scheme == "learned" else 16)
    recorded = json.loads(RECORDED.read_text("utf-8"))
    assert recorded.keys() == found.keys()
    assert list(recorded["schemes"]) == SCHEMES


def test_too_short_a_text_is_told_in_one_sentence(tmp_path):
    (tmp_path / "text.txt").write_text("too few")
    done = run(tmp_path / "text.txt")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1
