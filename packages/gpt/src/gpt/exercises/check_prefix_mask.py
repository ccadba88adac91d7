"""Check of `prefix_mask`: masks written out, and the two masks at its ends."""

from collections.abc import Callable

import torch
from jaxtyping import Bool
from torch import Tensor

from gpt.model.attention import causal_mask

EXPECTED = {
    (2, 4): [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
    (3, 4): [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
}


def check(prefix_mask: Callable[[int, int], Bool[Tensor, "T T"]]) -> None:
    """Raise AssertionError, and say what is wrong, unless `prefix_mask` is right."""
    for (n_prefix, n_tokens), rows in EXPECTED.items():
        yours = prefix_mask(n_prefix, n_tokens)
        assert yours.dtype == torch.bool, f"a mask holds True and False, and yours {yours.dtype}"
        assert yours.int().tolist() == rows, (
            f"a prefix of {n_prefix} in {n_tokens} tokens: the mask is {rows}, "
            f"not {yours.int().tolist()}"
        )
    assert torch.equal(prefix_mask(0, 5), causal_mask(5, 5)), "without a prefix it is causal"
    assert prefix_mask(5, 5).all(), "if all is prefix, every token sees every token"
