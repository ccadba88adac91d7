"""Solutions pass their checks and stubs are open; `test_exercise_*.py` tests common mistakes."""

import runpy
from importlib import import_module
from pathlib import Path

import pytest

from gpt.exercises.verdicts import names, verdict

NAMES = names("diffusion")


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_passes(name):
    solution = getattr(import_module(f"diffusion.exercises.solutions.{name}"), name)
    import_module(f"diffusion.exercises.check_{name}").check(solution)


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_is_open_until_a_reader_solves_it(name):
    assert verdict("diffusion", name) in ("open", "solved")


@pytest.mark.parametrize("name", NAMES)
def test_every_exercise_has_a_test_of_common_mistakes(name):
    assert Path(__file__).with_name(f"test_exercise_{name}.py").is_file()


def test_the_command_prints_a_line_for_every_exercise(capsys):
    runpy.run_module("diffusion.exercises", run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == NAMES
