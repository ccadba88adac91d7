"""The output of each half of a block."""

from collections.abc import Callable, Sequence

from torch import Tensor


def writes(x: Tensor, halves: Sequence[Callable[[Tensor], Tensor]]) -> list[Tensor]:
    """Add the output of each half to the stream before the next half reads it."""
    added = []
    for half in halves:
        added.append(half(x))
        x = x + added[-1]
    return added
