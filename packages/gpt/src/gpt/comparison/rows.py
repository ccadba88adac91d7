"""One line of a comparison: are two implementations equal, and how do their times compare?"""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

SLOW_FACTOR = (
    0.97  # of the floor: below it a row is marked, since medians on a busy machine move a little
)


@dataclass(frozen=True)
class ComparisonRow:
    """What was compared, and the outcome."""

    name: str
    library: str
    """With its version."""
    max_abs_diff: float
    """The largest difference; for tokens, how many differ."""
    tolerance: float
    """What still counts as equal."""
    ours_s: float | None = None
    """Seconds, where the row is timed: the median of interleaved repeats."""
    library_s: float | None = None
    """The same for the library."""
    floor: float | None = None
    """The speedup that is asked for, if one is."""
    note: str = ""
    """What else was measured."""

    @property
    def ok(self) -> bool:
        """Whether the two are equal; says nothing of speed."""
        return self.max_abs_diff <= self.tolerance

    @property
    def speedup(self) -> float | None:
        """How many times as fast ours is."""
        return self.library_s / self.ours_s if self.ours_s and self.library_s else None

    @property
    def slow(self) -> bool:
        """Whether the speedup misses its floor by more than noise."""
        if self.speedup is None or self.floor is None:
            return False
        return self.speedup < SLOW_FACTOR * self.floor

    def to_json(self) -> dict[str, Any]:
        """All of it, computed fields included."""
        derived = {"speedup": self.speedup, "ok": self.ok, "slow": self.slow}
        return vars(self) | derived


def max_abs_difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest absolute difference of two tensors of one shape; infinite where one has a NaN."""
    if ours.shape != theirs.shape:
        return float("inf")
    largest = (ours.detach().double() - theirs.detach().double()).abs().max().item()
    return largest if largest == largest else float("inf")


def max_abs_difference_by_name(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """The same over tensors by name."""
    if ours.keys() != theirs.keys():
        return float("inf")
    return max(max_abs_difference(ours[name], theirs[name]) for name in ours)


def count_unequal(ours: Iterable[Any], theirs: Iterable[Any]) -> float:
    """How many places of two sequences differ; a missing place differs."""
    ours, theirs = list(ours), list(theirs)
    both = sum(a != b for a, b in zip(ours, theirs, strict=False))
    return float(both + abs(len(ours) - len(theirs)))


class Seconds(NamedTuple):
    """Medians."""

    ours: float
    library: float


def time_interleaved(
    ours: Callable[[], Any], library: Callable[[], Any], repeats: int = 5, warmups: int = 2
) -> Seconds:
    """Time two functions turn by turn, so that whatever slows the machine slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(warmups + repeats):
        for function, taken in zip((ours, library), times, strict=True):
            synchronise()
            begin = time.perf_counter()
            function()
            synchronise()
            taken.append(time.perf_counter() - begin)
    return Seconds(*(statistics.median(taken[warmups:]) for taken in times))


def synchronise() -> None:
    """Wait for a GPU's queue, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
