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
