"""Are the rows of each head in neighbouring pairs again?"""

from collections.abc import Callable

import torch
from torch import Tensor

from gpt.model.rotary import interleaved_to_halves


def check(to_pairs: Callable[[Tensor, int], Tensor]) -> None:
    """Check two orders to work out with a pencil, then the package's function and its inverse."""
    cases = [(6, 1, [0, 3, 1, 4, 2, 5]), (12, 2, [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11])]
    for n_rows, n_heads, rows in cases:
        yours = to_pairs(torch.arange(float(n_rows)), n_heads).int().tolist()
        assert yours == rows, f"{n_rows} rows in {n_heads} heads become {rows}, not {yours}"

    weight = torch.arange(48.0).reshape(16, 3)
    back = to_pairs(interleaved_to_halves(weight, 2), 2)
    assert torch.equal(back, weight), (
        f"interleaved_to_halves and back should change nothing, and gave {back}"
    )
