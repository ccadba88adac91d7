"""Select the rows that a command trains on, and count the others by reason.

A row that is too long for the context, or contains a delimiter of the format, is left out and
counted. A row that is unusable, such as one with an empty answer, ends the command; with
`--skip-unusable` it is left out and reported. Equal rows are used once. All of this happens before
rows are held out, so both sides of the split have usable rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from finetune.conversations.parsing import DelimiterInContent
from finetune.datasets.columns import all_keys, drop_keys
from finetune.datasets.sources import read_rows
from finetune.datasets.turns import Columns
from gpt.errors import BadInput

_Item = TypeVar("_Item")
MAX_REASONS_SHOWN = 3
"""Number of unusable rows that are reported with their reasons."""


class TooLong(BadInput):
    """An item does not fit into the context."""


class UnusableRow(BadInput):
    """A row cannot be used; the message names its place and the reason."""


@dataclass
class Selection(Generic[_Item]):
    """Options that select rows, and counts of the rows left out. The defaults accept every item."""

    check: Callable[[_Item], object] = lambda item: None
    """Raises TooLong or DelimiterInContent to leave an item out, BadInput if it is unusable."""
    noun: str = "rows"
    """Name of the items in messages: conversations, pairs."""
    context: int = 0
    """Tokens that an item must fit into, for messages; `check` compares them."""
    ignored: tuple[str, ...] = ()
    """Columns, and keys of turns, to ignore."""
    skip_unusable: bool = False
    n_seen: int = 0
    """Items that are usable, including those left out as too long or for a delimiter."""
    n_too_long: int = 0
    n_with_delimiters: int = 0
    n_duplicates: int = 0
    unusable: list[str] = field(default_factory=list)
    """Places of unusable rows, with reasons."""

    def load(
        self, source: str, parse: Callable[[Columns], _Item], limit: int | None = None
    ) -> list[_Item]:
        """Return the accepted items of a source.

        Args:
            source: see `read_rows`.
            parse: makes an item from a row.
            limit: maximal number of rows to read.

        Raises:
            UnusableRow: a row is unusable, and `skip_unusable` is False.
            BadInput: all rows are unusable, or no row has a column to be ignored.
        """
        if limit is not None and limit < 1:
            raise BadInput(f"the limit must be at least 1 row, got {limit}")
        items, reasons, n_rows, names = [], [], 0, set()
        for row in islice(read_rows(source), limit):
            n_rows += 1
            try:
                columns = row.columns()
                names |= all_keys(columns)
                item = parse(drop_keys(columns, self.ignored))
                if self.accepts(item):
                    items.append(item)
            except BadInput as error:
                reasons.append(f"{row.place}: {error}")
                if not self.skip_unusable:
                    raise UnusableRow(reasons[0]) from error
        if len(reasons) == n_rows:
            raise BadInput(f"none of {n_rows} rows can be used: {reasons[0]}")
        for name in sorted(set(self.ignored) - names):
            raise BadInput(
                f"no row has a column or key {name!r} to ignore; there are {sorted(names)}"
            )
        self.unusable += reasons
        return items

    def accepts(self, item: _Item) -> bool:
        """Return whether an item is kept; one that is left out is counted.

        Raises:
            BadInput: the item is unusable.
        """
        fits = False
        try:
            self.check(item)
            fits = True
        except DelimiterInContent:
            self.n_with_delimiters += 1
        except TooLong:
            self.n_too_long += 1
        self.n_seen += 1
        return fits

    def keep_accepted(self, items: Sequence[_Item], split_name: str) -> list[_Item]:
        """Return the accepted items of one side of a split.

        Raises:
            BadInput: there are none; the message names the side.
        """
        kept = [item for item in items if self.accepts(item)]
        self.require_some(kept, len(items), f"{split_name} {self.noun}")
        return kept

    def without_duplicates(self, items: Sequence[_Item]) -> list[_Item]:
        """Return the items of a source in their order, each of them once."""
        self.require_some(items, self.n_seen, self.noun)
        kept = list({repr(item): item for item in items}.values())
        self.n_duplicates += len(items) - len(kept)
        return kept

    def require_some(self, kept: Sequence[_Item], n: int, noun: str) -> None:
        """Raise BadInput if nothing is kept."""
        if not kept:
            raise BadInput(
                f"none of {n} {noun} fits into a context of {self.context} tokens without "
                f"containing a delimiter of the format: {self.n_too_long} are too long, "
                f"{self.n_with_delimiters} contain a delimiter"
            )

    def report(self) -> list[str]:
        """Return sentences about the rows left out; an empty list if there are none."""
        lines = []
        if self.unusable:
            n = len(self.unusable)
            first = f"; the first {MAX_REASONS_SHOWN} are" if n > MAX_REASONS_SHOWN else ""
            lines = [f"{n} unusable rows are left out{first}:"]
            lines += [f"  {reason}" for reason in self.unusable[:MAX_REASONS_SHOWN]]
        if self.n_too_long or self.n_with_delimiters:
            lines.append(
                f"{self.n_too_long + self.n_with_delimiters} of {self.n_seen} {self.noun} are left "
                f"out: {self.n_too_long} are too long for a context of {self.context} tokens, "
                f"{self.n_with_delimiters} contain a delimiter of the format"
            )
        if self.n_duplicates:
            lines.append(f"{self.n_duplicates} duplicate {self.noun} are dropped")
        return lines
