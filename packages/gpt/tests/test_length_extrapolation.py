"""The script that compares schemes of positions, with steps that take seconds."""

import json
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "length_extrapolation.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded" / "length_extrapolation.json"
SCHEMES = ["learned", "sinusoidal", "rotary", "alibi", "t5", "none"]


def test_every_scheme_but_the_learned_one_is_scored_at_every_length(run_script, tmp_path):
    text = "".join(f"{n} squared is {n * n}, and that is all. " for n in range(600))
    (tmp_path / "text.txt").write_text(text)
    short = ["--vocab-size", "260", "--steps", "1", "--repeats", "1", "--json"]
    status, out, err = run_script(SCRIPT, "--data", tmp_path / "text.txt", *short)
    assert status == 0, err
    found = json.loads(out)
    assert list(found["schemes"]) == SCHEMES
    for scheme, each in found["schemes"].items():
        assert list(each["loss"]) == ["64", "128", "256"]
        far = each["loss"]["128"] + each["loss"]["256"]
        assert all((loss is None) == (scheme == "learned") for loss in far)
        assert len(each["along"]) == (4 if scheme == "learned" else 16)
    recorded = json.loads(RECORDED.read_text("utf-8"))
    assert recorded.keys() == found.keys()
    assert list(recorded["schemes"]) == SCHEMES


def test_too_short_a_text_is_reported_in_one_sentence(run_script, tmp_path):
    (tmp_path / "text.txt").write_text("too few")
    status, out, err = run_script(SCRIPT, "--data", tmp_path / "text.txt", "--vocab-size", "300")
    assert status == 2 and not out
    assert err.count("\n") == 1
