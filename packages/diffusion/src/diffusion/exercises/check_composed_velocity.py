"""Check composed guidance on a network whose velocities are known."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class KnownVelocity(nn.Module):
    """Velocity of 10 t + x + the sum of the ids; records the number of rows of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def forward(self, x: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        """Return the velocity, equal in all numbers of a row if x is."""
        self.rows.append(len(x))
        constant = 10 * t + ids.sum(dim=1)
        return x + constant.reshape(-1, *[1] * (x.ndim - 1))


def check(composed_velocity: Callable[..., Tensor]) -> None:
    """Compare with velocities by hand, for one to three conditions, points and images."""
    # (name, conditions, weights, expected velocity of each row), for x = 0, t = 0.5 and 0.2
    cases = [
        ("one condition with weight 1", [[[3], [7]]], [1.0], [8.0, 9.0]),
        ("one condition with weight 3", [[[3], [7]]], [3.0], [12.0, 21.0]),
        ("two conditions", [[[3], [7]], [[2], [0]]], [1.0, 2.0], [10.0, 7.0]),
        ("away from the second condition", [[[3], [7]], [[2], [0]]], [2.0, -1.0], [9.0, 16.0]),
        ("three conditions", [[[3], [7]], [[2], [0]], [[5], [1]]], [1.0, 1.0, 0.5], [11.0, 8.0]),
    ]
    for shape in ((2,), (4, 2, 2)):
        for name, conditions, weights, expected in cases:
            model, x = KnownVelocity(), torch.zeros(2, *shape)
            ids, t = [torch.tensor(each) for each in conditions], torch.tensor([0.5, 0.2])
            yours = composed_velocity(model, x, t, ids, torch.tensor([1]), weights)
            right = torch.tensor(expected).reshape(2, *[1] * len(shape)).expand_as(x)
            assert yours.shape == right.shape, (
                f"{name}: the shape is {list(yours.shape)}, not {list(right.shape)}"
            )
            assert torch.allclose(yours, right), (
                f"{name}: the rows should have velocities of {expected} in all numbers, "
                f"not {yours.flatten(1)[:, 0].tolist()} in the first"
            )
            n_rows = 2 * (1 + len(conditions))
            assert model.rows == [n_rows], (
                f"{name}: the model should be evaluated once, with {n_rows} rows, "
                f"not with {model.rows}"
            )
