"""The README shows what is really printed, and its install lines work."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handcalc.cli import main

PACKAGE = Path(__file__).parents[1]
README = PACKAGE.joinpath("README.md").read_text("utf-8")


def shown_after(block):
    """Return the text block that follows a block of code."""
    return re.search(re.escape(block) + r"```\n\n```\n(.*?)```", README, re.DOTALL)[1]


def test_the_first_command_prints_what_is_shown(capsys):
    block = re.search(r"```sh\n(.*?)```", README, re.DOTALL)[1]
    assert main(shlex.split(block)[3:]) == 0
    assert capsys.readouterr().out == shown_after(block)


def test_the_lines_of_python_print_what_is_shown(capsys):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    exec(code, {})
    assert capsys.readouterr().out == shown_after(code)


@pytest.mark.slow
def test_the_install_lines_work_in_an_empty_environment(tmp_path):
    """From a copy of only this package; its folder also serves as the git address."""
    clone = tmp_path / "clone"
    kept = shutil.ignore_patterns("runs", "__pycache__", ".*")
    shutil.copytree(PACKAGE, clone / "packages" / "handcalc", ignore=kept)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *arguments], cwd=clone, check=True)
    lines = re.findall(r"^uv pip install .*packages/handcalc\"?$", README, re.MULTILINE)
    assert len(lines) == 2
    for n, line in enumerate(lines):
        python = tmp_path / f"venv{n}" / ("Scripts" if os.name == "nt" else "bin") / "python"
        subprocess.run(
            ["uv", "venv", "-q", "-p", sys.executable, tmp_path / f"venv{n}"], check=True
        )
        install = shlex.split(line.replace("ADDRESS", f"file://{clone.as_posix()}"))
        subprocess.run(
            [*install[:3], "-q", "--python", python, *install[3:]], cwd=clone, check=True
        )
        command = [python.with_name("handcalc"), "explain", "loss"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
        assert run.returncode == 0 and "1.737666" in run.stdout, run.stderr
