"""Every command that a README or CONTRIBUTING shows exists and takes the options shown."""

import io
import re
import shlex
from contextlib import redirect_stdout
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import dropwhile, groupby, pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(ROOT.glob("packages/*"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(each / "README.md" for each in PACKAGES)]
TOOLS = {"basedpyright", "pytest", "python", "ruff", "sphinx-build", "torchrun"}
UV_OPTIONS_WITH_VALUE = {"--extra", "--group", "--package", "--python", "--with"}


def commands(page: str) -> list[list[str]]:
    """What stands behind `uv run` in the page's sh blocks, in words."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            for punctuation, words in groupby(lexer, lambda word: set(word) <= set("();<>|&")):
                typed = list(dropwhile(lambda word: re.match(r"\w+=", word), words))
                if not punctuation and typed[:2] == ["uv", "run"]:
                    found.append(without_uv_options(typed[2:]))
    return found


def without_uv_options(words: list[str]) -> list[str]:
    while words and words[0].startswith("-"):
        words = words[2 if words[0] in UV_OPTIONS_WITH_VALUE else 1 :]
    return words


@cache
def options_of(program: str, verb: str) -> frozenset[str]:
    """The options in the help of a command; none where there is no such command."""
    (script,) = entry_points(group="console_scripts", name=program)
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            script.load()([verb, "--help"])
    except SystemExit as stop:
        if not stop.code:
            return frozenset(re.findall(r"--[a-z][a-z0-9-]*", said.getvalue()))
    return frozenset()


def mistakes(page: str) -> list[str]:
    """What is wrong with a page's commands, one sentence each."""
    wrong = []
    for program, *words in commands(page):
        if program in {package.name for package in PACKAGES}:
            verb = words[0] if words else "--help"
            known = {"--help"} if verb == "--help" else options_of(program, verb)
            if not known:
                wrong.append(f"{program} has no command {verb}")
                continue
            used = {word.partition("=")[0] for word in words if word.startswith("--")}
            wrong += [f"{program} {verb} has no option {option}" for option in sorted(used - known)]
        elif program in TOOLS:
            files = {
                word.partition("::")[0]
                for word in words
                if re.match(r"(packages|tests)/|[\w/.-]+\.py\b", word)
            }
            homes = [ROOT, *PACKAGES]  # a line may follow `cd packages/<name>`
            gone = [file for file in files if not any((home / file).exists() for home in homes)]
            wrong += [f"{program}: there is no {file}" for file in sorted(gone)]
            if program != "pytest":  # whose -m chooses tests by their mark
                modules = [after for before, after in pairwise(words) if before == "-m"]
                wrong += [f"there is no module {each}" for each in modules if not find_spec(each)]
        else:
            wrong.append(f"there is no program {program}")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_can_be_typed(page: Path):
    text = page.read_text("utf-8")
    assert commands(text), "a page shows at least one command in a block marked sh"
    assert mistakes(text) == []


def test_ci_runs_the_commands_of_contributing_in_their_order():
    block = re.search(r"^```sh\n(.*?)^```", PAGES[1].read_text("utf-8"), re.MULTILINE | re.DOTALL)
    steps = re.findall(r"^step (.*)", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)
    assert block is not None
    assert steps == block[1].splitlines()


def test_a_page_with_wrong_commands_is_found():
    page = """
```sh
cd packages/gpt && uv run --group docs gpt train --steps=3 --tokenisor bpe  # --not-this
uv run gpt trian --steps 3 | tee log
HF_HUB_OFFLINE=1 uv run \\
    pytest tests/test_gone.py::test_it tests/test_readme.py -q > log; uv run pytset
uv run python -m gpt.gone
```
"""
    assert mistakes(page) == [
        "gpt train has no option --tokenisor",
        "gpt has no command trian",
        "pytest: there is no tests/test_gone.py",
        "there is no program pytset",
        "there is no module gpt.gone",
    ]
