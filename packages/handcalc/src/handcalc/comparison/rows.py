"""One row of a comparison: the largest difference of two implementations, and their times."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

SLOW = 0.97  # of the floor: below it a row is marked, since medians on a busy machine move a little


@dataclass(frozen=True)
class Row:
    """The result of one comparison."""

    name: str
    library: str
    """Library compared with, and its version."""
    max_abs_diff: float
    """Largest difference of corresponding numbers."""
    tolerance: float
    """Largest difference that counts as equal."""
    ours_s: float | None = None
    """Our time in seconds, the median of interleaved repeats; None in a row without times."""
    library_s: float | None = None
    """The library's time in seconds."""
    floor: float | None = None
    """Required speedup; None if there is no requirement."""
    note: str = ""
    """Further measurements, printed below the row."""

    @property
    def ok(self) -> bool:
        """Whether the two are equal; the speed does not matter."""
        return self.max_abs_diff <= self.tolerance

    @property
    def speedup(self) -> float | None:
        """The library's time divided by ours."""
        return self.library_s / self.ours_s if self.ours_s and self.library_s else None

    @property
    def slow(self) -> bool:
        """Whether the speedup misses its floor by more than noise."""
        if self.speedup is None or self.floor is None:
            return False
        return self.speedup < SLOW * self.floor


class Seconds(NamedTuple):
    """Median times of two functions."""

    ours: float
    library: float


def time_interleaved(
    ours: Callable[[], Any], library: Callable[[], Any], repeats: int = 5, warmups: int = 2
) -> Seconds:
    """Time two functions in alternation, so that whatever slows the machine slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(warmups + repeats):
        for function, times_of_function in zip((ours, library), times, strict=True):
            begin = time.perf_counter()
            function()
            times_of_function.append(time.perf_counter() - begin)
    return Seconds(*(statistics.median(each[warmups:]) for each in times))
