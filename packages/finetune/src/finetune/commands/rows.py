"""Select the rows that a training command learns from, and report the others."""

from collections.abc import Callable
from typing import Any, TypeVar

from finetune.commands.stage import StageConfig
from finetune.data.selection import Selection
from gpt.commands.progress import say

Item = TypeVar("Item")


def selection_of(
    config: StageConfig, check: Callable[[Item], object], noun: str
) -> Selection[Item]:
    """The selection of items that pass a check, with the options of the command."""
    names = tuple(filter(None, map(str.strip, config.ignore_columns.split(","))))
    return Selection(check, noun, config.context, names, config.skip_unusable)


def report_selection(selection: Selection[Any]) -> None:
    """Say what is left out."""
    for line in selection.report():
        say(line)
