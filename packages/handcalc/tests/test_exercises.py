"""Solutions pass, stubs are stubs, and each check catches the mistakes people make."""

from importlib import import_module

import pytest

from handcalc.exercises.__main__ import main, names, verdict


def check(name, answer):
    import_module(f"handcalc.exercises.check_{name}").check(answer)


def answer(home, name):
    return getattr(import_module(f"handcalc.exercises.{home}.{name}"), name)


@pytest.mark.parametrize("name", names())
def test_the_solution_passes(name):
    check(name, answer("solutions", name))


@pytest.mark.parametrize("name", names())
def test_the_stub_is_open_until_a_reader_solves_it(name):
    assert verdict(name) in ("open", "solved")


WRONG = {
    # "exercise: the mistake": ("exercise", function that makes it),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_answer_fails(mistake):
    name, wrong = WRONG[mistake]
    with pytest.raises(AssertionError):
        check(name, wrong)


def test_every_exercise_has_a_wrong_answer_here():
    assert {name for name, _ in WRONG.values()} == set(names())


def test_the_command_lists_every_exercise(capsys):
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == names()
