"""Check the KL of two normal distributions against values by hand."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def check(gaussian_kl: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> None:
    """Compare with distributions whose variances are 1, 4 or 1/4."""
    four = math.log(4)
    cases = [
        ("two equal distributions", (0.7, four, 0.7, four), 0.0),
        ("means at a distance of 2, variances 1", (2.0, 0.0, 0.0, 0.0), 2.0),
        ("only the distance counts", (5.0, 0.0, 3.0, 0.0), 2.0),
        ("a variance of 1/4 against 1", (0.0, -four, 0.0, 0.0), math.log(2) - 3 / 8),
        ("a variance of 1 against 4", (0.0, 0.0, 0.0, four), math.log(2) - 3 / 8),
        ("a variance of 4 against 1", (0.0, four, 0.0, 0.0), 3 / 2 - math.log(2)),
        ("the distance in units of p", (2.0, four, 0.0, four), 0.5),
        ("everything differs", (1.0, 0.0, -1.0, four), math.log(2) + 1 / 8),
    ]
    columns = [list(each) for each in zip(*(inputs for _, inputs, _ in cases), strict=True)]
    yours = gaussian_kl(*(torch.tensor(each, dtype=torch.float64) for each in columns))
    assert yours.shape == (len(cases),), (
        f"{len(cases)} pairs have {len(cases)} divergences, not a result of shape "
        f"{list(yours.shape)}"
    )
    for (name, _, expected), value in zip(cases, yours.tolist(), strict=True):
        assert abs(value - expected) < 1e-9, f"{name}: the KL is {expected:.4f}, not {value:.4f}"
