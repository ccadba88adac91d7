"""Check the noise between two noises, against values by hand."""

from collections.abc import Callable

import torch
from torch import Tensor


def check(mixed_noise: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Mix numbers with the weights 4 to 3, whose divisor is 5, then with equal weights."""
    first, second = torch.tensor([[5.0, 0.0, 10.0]]), torch.tensor([[0.0, 5.0, -5.0]])
    cases = [
        ("with weight 0, the result is the first noise", 0.0, [5.0, 0.0, 10.0]),
        ("with weight 1, the result is the second noise", 1.0, [0.0, 5.0, -5.0]),
        ("with weight 3/7, the result is (4 first + 3 second) / 5", 3 / 7, [4.0, 3.0, 5.0]),
    ]
    for name, weight, expected in cases:
        yours = mixed_noise(first.clone(), second.clone(), weight)
        assert yours.shape == first.shape, (
            f"noise of shape {list(first.shape)} keeps its shape, not {list(yours.shape)}"
        )
        assert (yours - torch.tensor([expected])).abs().max() < 1e-5, (
            f"{name}: {expected}, not {yours[0].tolist()}"
        )
    halfway = mixed_noise(torch.ones(2, 3), torch.ones(2, 3), 0.5)
    assert torch.allclose(halfway, torch.full((2, 3), 2**0.5)), (
        "with weight 1/2, the result is (first + second) / sqrt(2), even if all numbers are equal"
    )
