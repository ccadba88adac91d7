"""Exercise of the chapter on the block: what each half adds to the residual stream."""

from collections.abc import Callable, Sequence

from torch import Tensor


def writes(x: Tensor, halves: Sequence[Callable[[Tensor], Tensor]]) -> list[Tensor]:
    """Return the output of each half, which reads the stream after all halves before it."""
    raise NotImplementedError
