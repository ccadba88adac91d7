"""Check that each token attends to its own text up to itself, and to nothing else."""

from collections.abc import Callable

import torch
from torch import Tensor

CASES = {
    (2, 1): [[1, 0, 0], [1, 1, 0], [0, 0, 1]],
    (1, 3): [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1]],
    (1, 1): [[1, 0], [0, 1]],
    (3,): [[1, 0, 0], [1, 1, 0], [1, 1, 1]],
    # equal lengths: texts differ only in their position
    (2, 2): [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]],
}


def check(packed_mask: Callable[[list[int]], Tensor]) -> None:
    """Compare with five masks written out."""
    for lengths, expected in CASES.items():
        yours = packed_mask([*lengths])
        assert yours.dtype == torch.bool, f"the entries must be bool, not {yours.dtype}"
        found = yours.int().tolist()
        assert found == expected, f"lengths {[*lengths]}: expected {expected}, got {found}"
