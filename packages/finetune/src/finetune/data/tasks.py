"""What a command learns from and what it is judged on, from this Python or from files.

A run keeps its task in its folder: what it was trained on can be read there, and a resumed run goes
on with the same rows wherever it is.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from finetune.data.conversations import Conversation, PreferencePair, asked, exchange
from finetune.data.docstrings import Question, python_questions, split_by_module
from finetune.data.files import load_conversations, load_preferences
from finetune.data.preferences import Preference, preferences
from gpt.errors import BadInput
from gpt.files import read_json, write_atomically
from gpt.text.documents import digest

Item = TypeVar("Item")
HELD_OUT = 0.1
"""Share of a file that is not trained on."""


@dataclass(frozen=True)
class Task(Generic[Item]):
    """Items to learn from, and items to be judged on."""

    train: list[Item]
    held_out: list[Item]

    def __add__(self, other: "Task[Item]") -> "Task[Item]":
        """Both, side by side."""
        return Task(self.train + other.train, self.held_out + other.held_out)

    def digest(self) -> str:
        """SHA-256 of all items: the name of exactly this task."""
        return digest([repr(item) for item in [*self.train, *self.held_out]])


@cache
def questions() -> Task[Question]:
    """Questions about the standard library, the held-out ones about other modules."""
    return Task(*split_by_module(python_questions()))


def conversations(source: str) -> Task[Conversation]:
    """Questions with answers: `python`, a file, or `hub:OWNER/NAME`."""
    if source == "python":
        asked_of_it = questions()
        sides = (asked_of_it.train, asked_of_it.held_out)
        return Task(*([answered_question(each) for each in side] for side in sides))
    return split(load_conversations(source))


def pairs(source: str) -> Task[PreferencePair]:
    """Questions with two answers: `python`, a file, or `hub:OWNER/NAME`."""
    if source == "python":
        asked_of_it = questions()
        sides = (asked_of_it.train, asked_of_it.held_out)
        return Task(*([as_pair(each) for each in preferences(side)] for side in sides))
    return split(load_preferences(source))


def answered_question(question: Question) -> Conversation:
    """The question and what the documentation says."""
    return exchange(question.question, question.answer)


def as_pair(preference: Preference) -> PreferencePair:
    """A pair made from the documentation, as the files' pairs are."""
    return PreferencePair(asked(preference.question), preference.chosen, preference.rejected)


def split(items: Sequence[Item], seed: int = 0) -> Task[Item]:
    """Set a tenth aside, after equal items were dropped.

    Raises:
        BadInput: there are fewer than two.
    """
    unlike = list({repr(item): item for item in items}.values())
    if len(unlike) < 2:
        raise BadInput(f"{len(unlike)} items are too few to set some aside for judging")
    random.Random(seed).shuffle(unlike)
    n = max(1, round(HELD_OUT * len(unlike)))
    return Task(unlike[n:], unlike[:n])


def write_task(path: Path, task: Task[Any]) -> None:
    """Write the items, each as the list of its fields."""
    write_atomically(path, json.dumps(vars(task)).encode())


def read_task(path: Path, kind: Callable[..., Item]) -> Task[Item]:
    """Read items of a kind.

    Raises:
        BadInput: the file is missing, or holds something else.
    """
    content = read_json(path)
    try:
        return Task(*([kind(*item) for item in content[name]] for name in ("train", "held_out")))
    except (KeyError, TypeError) as error:
        raise BadInput(f"{str(path)!r} does not hold what the run was trained on") from error
