"""The README's Python prints what is shown next to it."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_lines_of_python_print_what_is_shown(capsys):
    blocks = re.findall(
        r"^```python\n(.*?)^```\n\n```\n(.*?)^```", README, re.DOTALL | re.MULTILINE
    )
    ((code, shown),) = blocks
    exec(code, {})
    assert capsys.readouterr().out == shown


def test_the_first_screen_has_an_install_line_for_a_clone_and_for_a_git_address():
    assert re.findall(r"^uv pip install (.*)$", README.split("## ")[0], re.MULTILINE) == [
        "-e packages/gpt",
        '"git+ADDRESS#subdirectory=packages/gpt"',
    ]
