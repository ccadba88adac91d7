"""What a command learns from and what it is judged on, from this Python or from files.

A run keeps its task in its folder: what it was trained on can be read there, and a resumed run goes
on with the same rows wherever it is.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from finetune.conversations.messages import (
    Conversation,
    Message,
    PreferencePair,
    single_turn_conversation,
    single_turn_prompt,
)
from finetune.datasets.docstrings import Question, python_questions, split_by_module
from finetune.datasets.files import load_items
from finetune.datasets.layouts import parse_conversation
from finetune.datasets.pair_layouts import parse_preference
from finetune.datasets.preferences import Preference, make_preferences
from finetune.datasets.selection import Selection
from finetune.datasets.splitting import (
    drop_duplicates,
    first_prompt,
    pair_prompt,
    prompt_key,
    split_by_prompt,
)
from finetune.datasets.turns import Columns
from gpt.errors import BadInput
from gpt.files import read_json, write_atomically
from gpt.text.documents import documents_sha256

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Task(Generic[_Item]):
    """Items to learn from, and items to be judged on."""

    train: list[_Item]
    held_out: list[_Item]

    def __add__(self, other: "Task[_Item]") -> "Task[_Item]":
        """Both, side by side."""
        return Task(self.train + other.train, self.held_out + other.held_out)

    def digest(self) -> str:
        """SHA-256 of all items: the name of exactly this task."""
        return documents_sha256([repr(item) for item in [*self.train, *self.held_out]])


@cache
def question_task() -> Task[Question]:
    """Questions about the standard library, the held-out ones about other modules."""
    return Task(*split_by_module(python_questions()))


def conversation_task(
    source: str, selection: Selection[Conversation] | None = None
) -> Task[Conversation]:
    """Questions with answers: `python`, a file, or `hub:OWNER/NAME`."""
    if source == "python":
        return task_from_questions(
            lambda side: [question_conversation(each) for each in side], selection
        )
    return task_from_rows(source, parse_conversation, first_prompt, selection)


def pair_task(
    source: str, selection: Selection[PreferencePair] | None = None
) -> Task[PreferencePair]:
    """Questions with two answers: `python`, a file, or `hub:OWNER/NAME`."""
    if source == "python":
        return task_from_questions(
            lambda side: [as_preference_pair(each) for each in make_preferences(side)], selection
        )
    return task_from_rows(source, parse_preference, pair_prompt, selection)


def task_from_questions(
    items: Callable[[list[Question]], list[_Item]], selection: Selection[_Item] | None
) -> Task[_Item]:
    """Items made from the questions about the standard library, which are split already."""
    task = Task(items(question_task().train), items(question_task().held_out))
    return task if selection is None else keep_usable(task, selection)


def keep_usable(task: Task[_Item], selection: Selection[_Item]) -> Task[_Item]:
    """The items of both sides that can be used.

    Raises:
        BadInput: a side has none.
    """
    return Task(
        selection.keep_accepted(task.train, "training"),
        selection.keep_accepted(task.held_out, "held-out"),
    )


def task_from_rows(
    source: str,
    form: Callable[[Columns], _Item],
    prompt: Callable[[_Item], Sequence[Message]],
    selection: Selection[_Item] | None,
) -> Task[_Item]:
    """The usable rows of a file, split by what they ask.

    Raises:
        BadInput: a row is unusable, or too few are left.
    """
    if selection is None:
        return Task(*split_by_prompt(drop_duplicates(load_items(source, form)), prompt))
    left_out = selection.unusable if selection.skip_unusable else None
    items = load_items(source, form, None, left_out, selection.ignored, selection.accepts)
    return Task(*split_by_prompt(selection.without_duplicates(items), prompt))


def drop_held_out_prompts(task: Task[PreferencePair]) -> Task[PreferencePair]:
    """The task without training pairs whose prompt is held out, after tasks were joined."""
    held_out = {prompt_key(pair.messages) for pair in task.held_out}
    kept = [pair for pair in task.train if prompt_key(pair.messages) not in held_out]
    return Task(kept, task.held_out)


def question_conversation(question: Question) -> Conversation:
    """The question and what the documentation says."""
    return single_turn_conversation(question.question, question.answer)


def as_preference_pair(preference: Preference) -> PreferencePair:
    """A pair made from the documentation, as the files' pairs are."""
    return PreferencePair(
        single_turn_prompt(preference.question), preference.chosen, preference.rejected
    )


def write_task(path: Path, task: Task[Any]) -> None:
    """Write the items, each as the list of its fields."""
    write_atomically(path, json.dumps(vars(task)).encode())


def read_task(path: Path, kind: Callable[..., _Item]) -> Task[_Item]:
    """Read items of a kind.

    Raises:
        BadInput: the file is missing, or holds something else.
    """
    content = read_json(path)
    try:
        return Task(*([kind(*item) for item in content[name]] for name in ("train", "held_out")))
    except (KeyError, TypeError) as error:
        raise BadInput(f"{str(path)!r} does not hold what the run was trained on") from error
