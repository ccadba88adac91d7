"""Tasks: the items that a command trains on and the items that it holds out.

The items come from Python's own library or from a file. A run stores its task in its folder, so
that a resumed run continues with the same items wherever it runs.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from finetune.conversations.messages import (
    Conversation,
    PreferencePair,
    single_turn_conversation,
    single_turn_prompt,
)
from finetune.datasets.layouts import parse_conversation
from finetune.datasets.pair_layouts import parse_preference
from finetune.datasets.preferences import Preference, make_preferences
from finetune.datasets.questions import Question, python_questions, split_by_module
from finetune.datasets.selection import Selection
from finetune.datasets.splitting import first_prompt, prompt_key, split_by_prompt
from gpt.errors import BadInput
from gpt.files import read_json, write_atomically
from gpt.text.documents import documents_sha256

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Task(Generic[_Item]):
    """Items to train on, and items held out to evaluate on."""

    train: list[_Item]
    held_out: list[_Item]

    def __add__(self, other: "Task[_Item]") -> "Task[_Item]":
        """Return a task with the items of both."""
        return Task(self.train + other.train, self.held_out + other.held_out)

    def digest(self) -> str:
        """Return the SHA-256 of all items, which identifies this task."""
        return documents_sha256([repr(item) for item in [*self.train, *self.held_out]])


def conversation_task(
    source: str, selection: Selection[Conversation] | None = None
) -> Task[Conversation]:
    """Return conversations to train on and to hold out.

    Args:
        source: `python` (questions about its library), a file, or `hub:OWNER/NAME`.
        selection: says which rows are used, and counts the others; by default all rows are.

    Raises:
        BadInput: a row is unusable, or too few rows are left.
    """
    selection = selection or Selection()
    if source == "python":
        questions = question_task()
        task = Task(
            [single_turn_conversation(each.question, each.answer) for each in questions.train],
            [single_turn_conversation(each.question, each.answer) for each in questions.held_out],
        )
        return keep_usable(task, selection)
    rows = selection.without_duplicates(selection.load(source, parse_conversation))
    return Task(*split_by_prompt(rows, [first_prompt(each) for each in rows]))


def pair_task(
    source: str, selection: Selection[PreferencePair] | None = None
) -> Task[PreferencePair]:
    """Return preference pairs to train on and to hold out; arguments as for conversations."""
    selection = selection or Selection()
    if source == "python":
        questions = question_task()
        task = Task(
            [as_preference_pair(each) for each in make_preferences(questions.train)],
            [as_preference_pair(each) for each in make_preferences(questions.held_out)],
        )
        return keep_usable(task, selection)
    rows = selection.without_duplicates(selection.load(source, parse_preference))
    return Task(*split_by_prompt(rows, [each.messages for each in rows]))


@cache
def question_task() -> Task[Question]:
    """Return the questions about Python's library; held-out ones are about other modules."""
    return Task(*split_by_module(python_questions()))


def as_preference_pair(preference: Preference) -> PreferencePair:
    """Return a preference about Python's library in the form of the pairs of files."""
    return PreferencePair(
        single_turn_prompt(preference.question), preference.chosen, preference.rejected
    )


def keep_usable(task: Task[_Item], selection: Selection[_Item]) -> Task[_Item]:
    """Return the accepted items of both sides of a task.

    Raises:
        BadInput: one side has none.
    """
    return Task(
        selection.keep_accepted(task.train, "training"),
        selection.keep_accepted(task.held_out, "held-out"),
    )


def drop_held_out_prompts(task: Task[PreferencePair]) -> Task[PreferencePair]:
    """Return the task without training pairs whose prompt is held out, after tasks were added."""
    held_out = {prompt_key(pair.messages) for pair in task.held_out}
    kept = [pair for pair in task.train if prompt_key(pair.messages) not in held_out]
    return Task(kept, task.held_out)


def write_task(path: Path, task: Task[Any]) -> None:
    """Write a task as JSON, each item as the list of its fields."""
    write_atomically(path, json.dumps(vars(task)).encode())


def read_task(path: Path, kind: Callable[..., _Item]) -> Task[_Item]:
    """Read a task whose items are of this kind.

    Raises:
        BadInput: the file is missing, or does not contain such a task.
    """
    content = read_json(path)
    try:
        return Task(*([kind(*item) for item in content[name]] for name in ("train", "held_out")))
    except (KeyError, TypeError) as error:
        raise BadInput(
            f"{str(path)!r} does not contain the items that a run was trained on"
        ) from error
