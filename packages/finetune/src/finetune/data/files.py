"""Conversations and preferences from files and hub data sets, in the layouts that people share."""

from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from finetune.data.conversations import Conversation, PreferencePair
from finetune.data.layouts import Columns, conversation
from finetune.data.pair_layouts import preference
from finetune.data.sources import read_rows
from gpt.errors import BadInput

Result = TypeVar("Result")


def load_conversations(
    source: str, limit: int | None = None, left_out: list[str] | None = None
) -> list[Conversation]:
    """The conversations of a file or a hub data set.

    Args:
        source: see `read_rows`.
        limit: how many rows are read at most.
        left_out: where given, a row without a usable conversation is noted here and passed over;
            published data sets have some, such as rows with an empty answer.

    Raises:
        BadInput: a row is unusable, or all are; the message names its place and what is wrong.
    """
    return read_all(source, conversation, limit, left_out)


def load_preferences(
    source: str, limit: int | None = None, left_out: list[str] | None = None
) -> list[PreferencePair]:
    """The preferences of a file or a hub data set; arguments as of `load_conversations`."""
    return read_all(source, preference, limit, left_out)


def read_all(
    source: str,
    form: Callable[[Columns], Result],
    limit: int | None,
    left_out: list[str] | None,
) -> list[Result]:
    """What `form` makes of each row."""
    if limit is not None and limit < 1:
        raise BadInput(f"the limit must be at least 1 row, got {limit}")
    results, reasons = [], []
    for place, columns in islice(read_rows(source), limit):
        try:
            results.append(form(columns))
        except BadInput as error:
            reasons.append(f"{place}: {error}")
            if left_out is None:
                raise BadInput(reasons[0]) from error
    if not results:
        raise BadInput(f"none of {len(reasons)} rows can be used: {reasons[0]}")
    if left_out is not None:
        left_out += reasons
    return results
