"""Does each query see its own position and a few before it?"""

from collections.abc import Callable

import torch
from torch import Tensor

from gpt.model.attention import causal_mask


def check(window_mask: Callable[[int, int, int], Tensor]) -> None:
    """Check three masks to draw on paper, then one against the package."""
    cases = [
        (4, 4, 2, [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]),
        (3, 3, 1, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        (2, 5, 3, [[0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]),
    ]
    for n_queries, n_keys, window, rows in cases:
        yours = window_mask(n_queries, n_keys, window)
        assert yours.dtype == torch.bool, f"a mask holds True and False, and yours {yours.dtype}"
        assert yours.int().tolist() == rows, (
            f"{n_queries} queries, {n_keys} keys, a window of {window}: the mask is {rows}, "
            f"not {yours.int().tolist()}"
        )
    wide = window_mask(6, 6, 100)
    assert torch.equal(wide, causal_mask(6, 6)), "a window wider than the text is the causal mask"
