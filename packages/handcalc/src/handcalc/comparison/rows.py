"""One line of a comparison: are two ways equal, and how do their times compare?"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

SLOW = 0.97  # of the floor: below it a row is marked, since medians on a busy machine move a little


@dataclass(frozen=True)
class Row:
    """What was compared, and the outcome."""

    name: str
    library: str
    """With its version."""
    max_abs_diff: float
    """The largest difference."""
    tolerance: float
    """What still counts as equal."""
    ours_s: float | None = None
    """Seconds, where the row is timed: the median of interleaved repeats."""
    library_s: float | None = None
    """The same for the other."""
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
        return self.speedup < SLOW * self.floor

    def to_json(self) -> dict[str, Any]:
        """All of it, computed fields included."""
        return vars(self) | {"speedup": self.speedup, "ok": self.ok, "slow": self.slow}


class Seconds(NamedTuple):
    """Medians."""

    ours: float
    other: float


def interleaved(
    ours: Callable[[], Any], other: Callable[[], Any], repeats: int = 5, warmups: int = 2
) -> Seconds:
    """Time two functions turn by turn, so that whatever slows the machine slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(warmups + repeats):
        for function, taken in zip((ours, other), times, strict=True):
            begin = time.perf_counter()
            function()
            taken.append(time.perf_counter() - begin)
    return Seconds(*(statistics.median(taken[warmups:]) for taken in times))
