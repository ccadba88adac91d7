"""Select the rows that a training command learns from, and report the others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from finetune.commands.stage import FinetuneConfig
from finetune.datasets.selection import Selection, UnusableRow
from gpt.errors import BadInput
from gpt.runs.progress import report_message

_Item = TypeVar("_Item")


def row_selection(
    config: FinetuneConfig, check: Callable[[_Item], object], noun: str
) -> Selection[_Item]:
    """The selection of items that pass a check, with the options of the command."""
    names = tuple(filter(None, map(str.strip, config.ignore_columns.split(","))))
    return Selection(check, noun, config.context, names, config.skip_unusable)


@contextmanager
def explain_unusable_rows() -> Iterator[None]:
    """Name the option that leaves unusable rows out in the error about such a row."""
    try:
        yield
    except UnusableRow as error:
        raise BadInput(f"{error}; --skip-unusable leaves such rows out") from error


def report_selection(selection: Selection[Any]) -> None:
    """Say what is left out."""
    for line in selection.report():
        report_message(line)
