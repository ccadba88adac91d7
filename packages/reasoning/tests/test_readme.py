"""The Python example of the README runs, and the puzzle that it shows is solved."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_solves_the_puzzle_at_least_once(capsys):
    [code] = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    exec(compile(code, str(README), "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("first moves that can still win")
    verdicts = [line.split()[0] for line in lines if line.startswith(("right", "wrong"))]
    assert len(verdicts) == 8 and "right" in verdicts
