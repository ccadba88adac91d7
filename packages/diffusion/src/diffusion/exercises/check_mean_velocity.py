"""Check the mean velocity against lines that are averaged by hand."""

from collections.abc import Callable

import torch
from torch import Tensor


def check(mean_velocity: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Compare with one and two points, in one and two dimensions, and with a very small time."""
    pair, e2 = [[-1.0], [1.0]], 2.718281828459045**2
    cases = [
        ("one point: a single line passes", [[2.0, 0.0]], [[1.0, 4.0]], 0.5, [[2.0, -8.0]]),
        ("two lines that cross in the middle", [[0.0]], pair, 0.5, [[0.0]]),
        ("velocities of -1 and 3", [[0.5]], pair, 0.5, [[(3 - e2) / (1 + e2)]]),
        ("two rows at once", [[0.5], [0.0]], pair, 0.5, [[(3 - e2) / (1 + e2)], [0.0]]),
        ("pure noise: e minus the mean", [[1.0, 1.0]], [[4.0, 0.0], [0.0, 2.0]], 1.0, [[-1, 0]]),
        ("a very small time", [[0.999]], pair, 0.001, [[-1.0]]),
    ]
    for name, x_t, points, t, expected in cases:
        right = torch.tensor(expected, dtype=torch.float64)
        places, data = (torch.tensor(each, dtype=torch.float64) for each in (x_t, points))
        yours = mean_velocity(places, data, t)
        assert yours.shape == right.shape, (
            f"{name}: the shape is {list(yours.shape)}, not {list(right.shape)}"
        )
        assert torch.allclose(yours, right, atol=1e-6), (
            f"{name}: at {x_t} and time {t} the velocity is {expected}, not {yours.tolist()}"
        )
