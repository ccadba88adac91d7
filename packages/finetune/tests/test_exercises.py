"""Solutions pass, stubs are stubs; the mistakes people make: `test_exercise_*.py`."""

from importlib import import_module
from pathlib import Path

import pytest

from finetune.exercises.__main__ import main, names, verdict


@pytest.mark.parametrize("name", names())
def test_the_solution_passes(name):
    solution = getattr(import_module(f"finetune.exercises.solutions.{name}"), name)
    import_module(f"finetune.exercises.check_{name}").check(solution)


@pytest.mark.parametrize("name", names())
def test_the_stub_is_open_until_a_reader_solves_it(name):
    assert verdict(name) in ("open", "solved")


@pytest.mark.parametrize("name", names())
def test_every_exercise_has_wrong_answers_that_are_caught(name):
    assert Path(__file__).with_name(f"test_exercise_{name}.py").is_file()


def test_the_command_prints_a_line_for_every_exercise(capsys):
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == names()
