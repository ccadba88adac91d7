"""Check the lower limit of the velocity's loss against covariances worked by hand."""

from collections.abc import Callable

import torch
from torch import Tensor


def check(lowest_velocity_loss: Callable[[Tensor, int], float]) -> None:
    """Compare with data on a line and on an axis, away from 0, and with no data at all to learn."""
    line = [[3.0, 3.0], [-3.0, -3.0]]  # variance 18 along the diagonal, 0 across
    cases = [
        ("data on an axis, width 1", [[1.0, 0.0], [-1.0, 0.0]], 1, 0.5),
        ("data on an axis, width 0: all of the variance", [[1.0, 0.0], [-1.0, 0.0]], 0, 1.5),
        ("data on a diagonal, width 1", line, 1, 0.5),
        ("data on a diagonal, width 0", line, 0, 10.0),
        ("a mean that is not 0 costs nothing", [[9.0, 5.0], [7.0, 5.0]], 0, 1.5),
        ("one example: the noise remains", [[2.0, 0.0, 1.0, 5.0]], 3, 0.25),
        ("enough width", line, 2, 0.0),
        ("more width than coordinates", line, 5, 0.0),
    ]
    for name, rows, width, right in cases:
        yours = lowest_velocity_loss(torch.tensor(rows, dtype=torch.float64), width)
        assert abs(yours - right) < 1e-6, (
            f"{name}: for {rows} and a width of {width} the limit is {right}, not {yours}"
        )
