"""Check half a block of a DiT against modulations worked by hand."""

from collections.abc import Callable

import torch
from torch import Tensor


def check(adaln_zero: Callable[..., Tensor]) -> None:
    """Compare with closed and open gates, scale and shift by hand, and two images at once."""
    zeros = torch.zeros(6, 2)

    def layer(rows: Tensor) -> Tensor:
        return 4 * rows.flip(-1)

    cases = [
        ("closed gates return x", [0.0, 0, 0, 0, 0, 0], [1.0, 3.0]),
        ("a gate of 1, no scale and no shift", [0.0, 0, 0, 0, 1, 1], [5.0, -1.0]),
        ("scale, shift and gate", [0.5, -1, 1, 0.5, 0.5, 0.25], [2.0, 1.5]),
    ]
    for name, bias, expected in cases:
        x = torch.tensor([[[1.0, 3.0]]])
        yours = adaln_zero(x, torch.zeros(1, 2), zeros, torch.tensor(bias), layer)
        compare(name, yours, torch.tensor([[expected]]))
    weight = torch.zeros(6, 2)
    weight[4:] = torch.eye(2)  # the gate is silu of the condition
    x = torch.tensor([[[1.0, 3.0], [10.0, 30.0]], [[3.0, 1.0], [0.0, 8.0]]])
    condition = torch.tensor([[0.0, 0.0], [1.0, -1.0]])
    gate = torch.tensor([0.731059, -0.268941])
    expected = torch.stack([x[0], x[1] + gate * torch.tensor([[-4.0, 4.0], [4.0, -4.0]])])
    yours = adaln_zero(x, condition, weight, torch.zeros(6), layer)
    compare("two images with conditions of their own, two patches each", yours, expected)


def compare(name: str, yours: Tensor, right: Tensor) -> None:
    """Raise an AssertionError that says what is wrong."""
    assert yours.shape == right.shape, (
        f"{name}: the shape is {list(yours.shape)}, not {list(right.shape)}"
    )
    assert torch.allclose(yours, right, atol=1e-3), (
        f"{name}: the result is {right.tolist()}, not {yours.tolist()}"
    )
