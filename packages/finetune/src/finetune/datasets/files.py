"""Conversations and preferences from files and hub data sets, in the layouts that people share."""

from collections.abc import Callable, Collection
from itertools import islice
from typing import Any, TypeVar

from finetune.conversations.messages import Conversation, PreferencePair
from finetune.datasets.columns import all_keys, drop_keys
from finetune.datasets.layouts import parse_conversation
from finetune.datasets.pair_layouts import parse_preference
from finetune.datasets.sources import read_rows
from finetune.datasets.turns import Columns
from gpt.errors import BadInput

_Result = TypeVar("_Result")


class UnusableRow(BadInput):
    """A row cannot be used; the message names its place and the reason."""


def load_conversations(source: str, limit: int | None = None, **options: Any) -> list[Conversation]:
    """The conversations of a file or a hub data set.

    Args:
        source: see `read_rows`.
        limit: how many rows are read at most.
        options: see `load_items`.

    Raises:
        BadInput: a row is unusable, or all are; the message names its place and what is wrong.
    """
    return load_items(source, parse_conversation, limit, **options)


def load_preferences(source: str, limit: int | None = None, **options: Any) -> list[PreferencePair]:
    """The preferences of a file or a hub data set; arguments as of `load_conversations`."""
    return load_items(source, parse_preference, limit, **options)


def load_items(
    source: str,
    form: Callable[[Columns], _Result],
    limit: int | None = None,
    left_out: list[str] | None = None,
    ignored: Collection[str] = (),
    accepts: Callable[[_Result], bool] | None = None,
) -> list[_Result]:
    """The results of `form` for all rows.

    Args:
        source: see `read_rows`.
        form: makes a result of a row.
        limit: how many rows are read at most.
        left_out: where given, an unusable row is noted here and skipped; published data sets have
            some, such as rows with an empty answer.
        ignored: columns, and keys of turns, to be ignored.
        accepts: whether a result is kept; raises BadInput for an unusable one.

    Raises:
        UnusableRow: a row is unusable, and `left_out` is not given.
        BadInput: all rows are unusable, or a column to be ignored is nowhere.
    """
    if limit is not None and limit < 1:
        raise BadInput(f"the limit must be at least 1 row, got {limit}")
    results, reasons, n_rows, names = [], [], 0, set()
    for row in islice(read_rows(source), limit):
        n_rows += 1
        try:
            columns = row.columns()
            names |= all_keys(columns)
            result = form(drop_keys(columns, ignored))
            if accepts is None or accepts(result):
                results.append(result)
        except BadInput as error:
            reasons.append(f"{row.place}: {error}")
            if left_out is None:
                raise UnusableRow(reasons[0]) from error
    if len(reasons) == n_rows:
        raise BadInput(f"none of {n_rows} rows can be used: {reasons[0]}")
    for name in sorted(set(ignored) - names):
        raise BadInput(f"no row has a column or key {name!r} to ignore; there are {sorted(names)}")
    if left_out is not None:
        left_out += reasons
    return results
