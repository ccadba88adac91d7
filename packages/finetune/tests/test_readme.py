"""The Python example of the README runs and does what the text around it says."""

import math
import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_example_trains_a_policy_that_prefers_the_chosen_answers():
    [code] = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    namespace = {}
    exec(compile(code, str(README), "exec"), namespace)
    first, *_, last = namespace["records"]
    assert first.loss == pytest.approx(math.log(2), abs=1e-6)
    assert last.accuracy == 1 and last.loss < 0.2


def test_every_letter_of_a_shape_is_in_the_legend():
    legend = README.read_text("utf-8").split("Letters of the shapes")[1].split("\n\n")[0]
    explained = set(re.findall(r"`([^`]+)`", legend))
    source = README.parent / "src" / "finetune"
    used = set()
    for path in source.rglob("*.py"):
        annotations = re.findall(r'\[(?:Tensor|np\.ndarray), "([^"]*)"\]', path.read_text("utf-8"))
        used |= {axis.lstrip("*") for each in annotations for axis in each.split()}
    letters = {axis for axis in used if re.fullmatch(r"[A-Z]+", axis)}
    assert len(letters) > 8
    assert letters - explained == set()
