"""One line of a comparison: the difference between two implementations, and their times."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

SLOW_FACTOR = 0.97  # a speedup below this fraction of its floor is marked; medians vary a little


@dataclass(frozen=True)
class ComparisonRow:
    """Two implementations compared: the difference, and times if the row is timed."""

    name: str
    library: str
    """Name and version of the library that ours is compared with."""
    max_abs_diff: float
    """Largest absolute difference; for tokens, the number of unequal tokens."""
    tolerance: float
    """Largest difference that counts as equal."""
    ours_s: float | None = None
    """Our time in seconds: the median of interleaved runs, if the row is timed."""
    library_s: float | None = None
    """The library's time in seconds, measured in the same way."""
    floor: float | None = None
    """Required speedup, if there is one."""
    note: str = ""
    """Other measurements, in words."""

    @property
    def is_equal(self) -> bool:
        """Whether the results are equal, whatever the speed."""
        return self.max_abs_diff <= self.tolerance

    @property
    def speedup(self) -> float | None:
        """The library's time divided by ours, if the row is timed."""
        return self.library_s / self.ours_s if self.ours_s and self.library_s else None

    @property
    def is_slow(self) -> bool:
        """Whether the speedup misses its floor by more than noise."""
        if self.speedup is None or self.floor is None:
            return False
        return self.speedup < SLOW_FACTOR * self.floor

    def to_json(self) -> dict[str, Any]:
        """Return all fields and the computed properties."""
        derived = {"speedup": self.speedup, "ok": self.is_equal, "slow": self.is_slow}
        return vars(self) | derived


def max_abs_difference(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest absolute difference; infinite for unequal shapes or a NaN."""
    if ours.shape != theirs.shape:
        return float("inf")
    largest = (ours.detach().double() - theirs.detach().double()).abs().max().item()
    return largest if largest == largest else float("inf")


def max_abs_difference_by_name(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """Return the largest absolute difference of tensors with the same names."""
    if ours.keys() != theirs.keys():
        return float("inf")
    return max(max_abs_difference(ours[name], theirs[name]) for name in ours)


def count_unequal(ours: Iterable[Any], theirs: Iterable[Any]) -> float:
    """Count the positions at which two sequences differ, including missing ones."""
    ours, theirs = list(ours), list(theirs)
    both = sum(a != b for a, b in zip(ours, theirs, strict=False))
    return float(both + abs(len(ours) - len(theirs)))


class Seconds(NamedTuple):
    """Median times of both sides in seconds."""

    ours: float
    library: float


def time_interleaved(
    ours: Callable[[], Any], library: Callable[[], Any], repeats: int = 5, warmups: int = 2
) -> Seconds:
    """Time two functions in alternation, so that other load on the machine slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(warmups + repeats):
        for function, seconds in zip((ours, library), times, strict=True):
            synchronise()
            started = time.perf_counter()
            function()
            synchronise()
            seconds.append(time.perf_counter() - started)
    return Seconds(*(statistics.median(seconds[warmups:]) for seconds in times))


def synchronise() -> None:
    """Wait until the GPU, if there is one, has finished its work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
