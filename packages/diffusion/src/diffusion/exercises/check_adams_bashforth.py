"""Check the steps of Adams and Bashforth against steps by hand."""

from collections.abc import Callable

import torch
from torch import Tensor


def check(adams_bashforth: Callable[..., Tensor]) -> None:
    """Compare with velocities of time and of place, in even and uneven steps; count evaluations."""
    cases = [
        ("one step is Euler's", lambda x, t: 2 * t + 0 * x, [0.0], [1.0, 0.5], [-1.0]),
        ("a velocity of 2 t", lambda x, t: 2 * t + 0 * x, [0.0], [1.0, 0.5, 0.0], [-1.25]),
        ("uneven steps", lambda x, t: 2 * t + 0 * x, [0.0], [1.0, 0.75, 0.0], [-1.0625]),
        ("a velocity of x", lambda x, t: x, [4.0], [1.0, 0.5, 0.0], [1.5]),
        ("three steps", lambda x, t: x, [8.0], [2.0, 1.5, 1.0, 0.5], [1.75]),
        ("two rows", lambda x, t: x, [4.0, -8.0], [1.0, 0.5, 0.0], [1.5, -3.0]),
    ]
    for name, velocity, start, times, expected in cases:
        evaluated: list[float] = []

        def counted(x: Tensor, t: float, velocity=velocity, evaluated=evaluated) -> Tensor:
            evaluated.append(t)
            return velocity(x, t)

        noise = torch.tensor(start, dtype=torch.float64)[:, None]
        yours = adams_bashforth(counted, noise, torch.tensor(times, dtype=torch.float64))
        right = torch.tensor(expected, dtype=torch.float64)[:, None]
        assert yours.shape == right.shape, (
            f"{name}: the shape is {list(yours.shape)}, not {list(right.shape)}"
        )
        assert torch.allclose(yours, right, atol=1e-9), (
            f"{name}: from {start} at the times {times} you should come to {expected}, "
            f"not to {yours[:, 0].tolist()}"
        )
        assert evaluated == times[:-1], (
            f"{name}: the velocity should be evaluated at {times[:-1]}, not at {evaluated}"
        )
