"""Select the rows that a command learns from, and count the others by reason.

A row may be too long for the context or spell a mark of the format: it is left out and counted. A
row may be unusable, such as one with an empty answer: the command ends, or with `--skip-unusable`
leaves it out and says why. Equal rows are used once. All of this happens before any row is held
out, so both sides of a split have rows that can be used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from finetune.conversations.parsing import DelimiterInContent
from finetune.datasets.splitting import drop_duplicates
from gpt.errors import BadInput

_Item = TypeVar("_Item")
MAX_REASONS_SHOWN = 3
"""Unusable rows whose reasons are shown."""


class TooLong(BadInput):
    """An item does not fit into the context."""


@dataclass
class Selection(Generic[_Item]):
    """Options for the rows of a command, and counts of the rows left out."""

    check: Callable[[_Item], object]
    """Raises TooLong or MarkInContent for an item to be left out, BadInput for an unusable one."""
    noun: str
    """Name of the items in messages: conversations, pairs."""
    context: int
    """Tokens that an item must fit into."""
    ignored: tuple[str, ...] = ()
    """Columns, and keys of turns, to be ignored."""
    skip_unusable: bool = False
    n_seen: int = 0
    """Usable items so far, with those that are left out as too long or for a mark."""
    n_too_long: int = 0
    n_with_marks: int = 0
    n_duplicates: int = 0
    unusable: list[str] = field(default_factory=list)
    """Places of unusable rows, with reasons."""

    def accepts(self, item: _Item) -> bool:
        """Whether an item fits and spells no mark; one that does not is counted.

        Raises:
            BadInput: the item is unusable.
        """
        fits = False
        try:
            self.check(item)
            fits = True
        except DelimiterInContent:
            self.n_with_marks += 1
        except TooLong:
            self.n_too_long += 1
        self.n_seen += 1
        return fits

    def keep_accepted(self, items: Sequence[_Item], side: str) -> list[_Item]:
        """The items of one side of a split that can be used.

        Raises:
            BadInput: there are none; the message names the side.
        """
        kept = [item for item in items if self.accepts(item)]
        self.refuse_none(kept, len(items), f"{side} {self.noun}")
        return kept

    def without_duplicates(self, items: Sequence[_Item]) -> list[_Item]:
        """The items of a file, each of them once."""
        self.refuse_none(items, self.n_seen, self.noun)
        kept = drop_duplicates(items)
        self.n_duplicates += len(items) - len(kept)
        return kept

    def refuse_none(self, kept: Sequence[_Item], n: int, noun: str) -> None:
        """Refuse an empty list of items."""
        if not kept:
            raise BadInput(
                f"none of {n} {noun} fits into a context of {self.context} tokens and spells no "
                f"mark of the format: {self.n_too_long} are too long, {self.n_with_marks} spell one"
            )

    def report(self) -> list[str]:
        """Sentences about what is left out; none where nothing is."""
        lines = []
        if self.unusable:
            n = len(self.unusable)
            first = f", of which the first {MAX_REASONS_SHOWN}" if n > MAX_REASONS_SHOWN else ""
            lines = [f"{n} unusable rows are left out{first}:"]
            lines += [f"  {reason}" for reason in self.unusable[:MAX_REASONS_SHOWN]]
        if self.n_too_long or self.n_with_marks:
            lines.append(
                f"{self.n_too_long + self.n_with_marks} of {self.n_seen} {self.noun} are left out: "
                f"{self.n_too_long} are too long for a context of {self.context} tokens, "
                f"{self.n_with_marks} spell a mark of the format"
            )
        if self.n_duplicates:
            lines.append(f"{self.n_duplicates} duplicate {self.noun} are dropped")
        return lines
