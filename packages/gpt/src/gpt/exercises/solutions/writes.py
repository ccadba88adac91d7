"""What each half adds to the stream."""

from collections.abc import Callable, Sequence

from torch import Tensor


def writes(x: Tensor, halves: Sequence[Callable[[Tensor], Tensor]]) -> list[Tensor]:
    """What each of the halves adds, each reading the stream that the ones before it left."""
    added = []
    for half in halves:
        added.append(half(x))
        x = x + added[-1]
    return added
