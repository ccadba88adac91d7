"""Check cross-attention with a padding mask against the example of the chapter."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def check(read_words: Callable[..., Tensor]) -> None:
    """Compare with values by hand: with and without padding, several captions, the null caption."""
    q = torch.tensor([[2.0, 0, 0, 0], [0.0, 2, 0, 0]])  # scores are the first and second of a key
    three, four = math.log(3), math.log(4)
    k = torch.tensor([[three, 0.0, 0, 0], [0.0, three, 0, 0], [four, four, 0, 0]])
    v = torch.tensor([[8.0, 0, 0, 1], [0.0, 8, 0, 1], [-8.0, -8, 4, 1]])
    # (name, ids, the values that both patches read)
    cases = [
        ("two words and one padding", [4, 7, 0], [[6.0, 2, 0, 1], [2.0, 6, 0, 1]]),
        ("one word and two paddings", [4, 0, 0], [[8.0, 0, 0, 1], [8.0, 0, 0, 1]]),
        ("three words", [4, 7, 5], [[-1.0, -3, 2, 1], [-3.0, -1, 2, 1]]),
        ("the null caption", [0, 0, 0], [[-1.0, -3, 2, 1], [-3.0, -1, 2, 1]]),
    ]
    batch = [each[None] for each in (q, k, v)]
    for name, ids, expected in cases:
        compare(name, read_words(*batch, torch.tensor([ids])), torch.tensor([expected]))
    n = len(cases)
    together = read_words(
        *(each.repeat(n, 1, 1) for each in batch), torch.tensor([ids for _, ids, _ in cases])
    )
    expected = torch.tensor([each for _, _, each in cases])
    compare("the four captions as one batch", together, expected)


def compare(name: str, yours: Tensor, right: Tensor) -> None:
    """Compare shape and numbers."""
    assert yours.shape == right.shape, (
        f"{name}: the shape is {list(yours.shape)}, not {list(right.shape)}"
    )
    assert torch.allclose(yours, right, atol=1e-4), (
        f"{name}: the patches should read {right.tolist()}, not {yours.tolist()}"
    )
