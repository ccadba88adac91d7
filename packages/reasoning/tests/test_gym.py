"""reasoning-gym is not installed where tests run, so a stand-in with its interface is imported."""

import sys
from types import ModuleType

import pytest

from gpt.errors import BadInput
from reasoning.tasks.gym import gym_problems


class Doubling:
    """A task: double a number. As in reasoning-gym, a wrong answer may have a score above 0."""

    def __init__(self, size, seed, largest=9):
        assert largest > 0, "largest must be positive"
        self.numbers = [(seed + place) % largest for place in range(size)]

    def __iter__(self):
        return iter({"question": f"2 * {n}", "answer": str(2 * n)} for n in self.numbers)

    def score_answer(self, answer, entry):
        return 1.0 if answer == entry["answer"] else 0.05


@pytest.fixture
def library(monkeypatch):
    module = ModuleType("reasoning_gym")

    def create_dataset(name, **config):
        if name != "doubling":
            raise ValueError(f"Dataset '{name}' not registered")
        return Doubling(**config)

    module.create_dataset = create_dataset
    monkeypatch.setitem(sys.modules, "reasoning_gym", module)


def test_problems_have_the_score_of_the_library(library):
    first, second = gym_problems("doubling", 2, seed=3, largest=4)
    assert (first.question, second.question) == ("2 * 3", "2 * 0")
    assert (first.score("6"), first.score("7"), second.score("0")) == (1.0, 0.05, 1.0)


@pytest.mark.parametrize(
    ("task", "arguments", "fault"),
    [
        ("trebling", {}, "refuses the task 'trebling': Dataset 'trebling' not registered"),
        ("doubling", {"largest": 0}, "largest must be positive"),
        ("doubling", {"smallest": 1}, "unexpected keyword argument 'smallest'"),
    ],
)
def test_what_the_library_refuses_is_one_sentence(library, task, arguments, fault):
    with pytest.raises(BadInput, match=fault):
        gym_problems(task, 1, **arguments)
    with pytest.raises(BadInput, match="n must be at least 1"):
        gym_problems(task, 0)


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(BadInput, match=r"packages/reasoning\[gym\]"):
        gym_problems("countdown", 1)
