"""Tasks of the library reasoning-gym, by name, with its own checkers.

    gym_problems("countdown", 20, min_numbers=3, max_numbers=3, max_value=12, max_target=99)

Needs the extra `gym`, whose dependencies are partly source code that has to be compiled. Most of
its tasks are far too hard by default for the models of this package: set their size by arguments.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from gpt.errors import BadInput


@dataclass(frozen=True)
class GymProblem:
    """A question of a task, and its entry in the task's data set."""

    question: str
    entry: dict[str, Any]
    data_set: Any

    def score(self, answer: str) -> float:
        """Return the library's score of an answer, from 0 to 1; only 1 counts as right."""
        return float(self.data_set.score_answer(answer, self.entry))


def gym_problems(task: str, n: int, seed: int = 0, **size: Any) -> list[GymProblem]:
    """Return `n` problems of a task.

    Args:
        task: the name of the task in reasoning-gym.
        n: the number of problems.
        seed: the seed of the problems.
        size: arguments of the task's config, such as `max_value`.

    Raises:
        BadInput: the extra is not installed, or the library refuses the task or its arguments.
    """
    try:
        library = import_module("reasoning_gym")
    except ImportError as error:
        raise BadInput(
            "tasks of reasoning-gym need the extra gym; in a clone: "
            "uv pip install -e 'packages/reasoning[gym]'"
        ) from error
    if n < 1:
        raise BadInput(f"n must be at least 1, got {n}")
    try:
        data_set = library.create_dataset(task, size=n, seed=seed, **size)
    except (ValueError, TypeError, AssertionError) as error:
        raise BadInput(f"reasoning-gym refuses the task {task!r}: {error}") from error
    return [GymProblem(entry["question"], entry, data_set) for entry in data_set]
