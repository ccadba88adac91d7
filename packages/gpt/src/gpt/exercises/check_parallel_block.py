"""Do both halves read the same row, and is the row itself kept?"""

from collections.abc import Callable

import torch
from torch import Tensor

Half = Callable[[Tensor], Tensor]


def check(parallel_block: Callable[[Tensor, Half, Half, Half], Tensor]) -> None:
    """Check one number that can be followed in the head."""
    x = torch.tensor([8.0])
    # the norm halves 8 to 4; attention adds 1 and writes 5; mlp squares 4 and writes 16
    yours = parallel_block(x, lambda x: x / 2, lambda x: x + 1, torch.square).item()
    assert yours == 29.0, f"8 + 5 + 16 is 29; you give {yours}"
