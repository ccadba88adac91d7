"""Does each half read the updated stream, and is only its own output returned?"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Halves = Sequence[Callable[[Tensor], Tensor]]


def check(writes: Callable[[Tensor, Halves], list[Tensor]]) -> None:
    """Check halves to follow in the head: they add 1, the stream itself, and its square."""
    x = torch.tensor([1.0, 2.0])
    halves: Halves = [torch.ones_like, lambda x: x, torch.square]
    yours = [added.tolist() for added in writes(x, halves)]
    # 1, 2 and then 2, 3 and then 4, 6
    expected = [[1.0, 1.0], [2.0, 3.0], [16.0, 36.0]]
    assert yours == expected, f"from (1, 2) the halves write {expected}, not {yours}"
    assert x.tolist() == [1, 2], f"the row you were given was (1, 2) and is now {x.tolist()}"
    nothing = writes(x, [])
    assert nothing == [], f"no halves write nothing, not {nothing}"
