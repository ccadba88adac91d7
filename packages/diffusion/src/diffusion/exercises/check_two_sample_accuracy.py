"""Check the nearest-neighbour test on sets whose neighbours can be seen."""

from collections.abc import Callable

import torch
from torch import Tensor


def check(two_sample_accuracy: Callable[[Tensor, Tensor], float]) -> None:
    """Compare with shares counted by hand, for numbers and for images."""
    cases = [
        ("far apart", [0.0, 1.0, 3.0], [50.0, 51.0, 53.0], 1.0),
        ("every number has a twin in the other set", [0.0, 10.0], [1.0, 11.0], 0.0),
        ("all neighbours are of the other set", [0.0, 4.0], [1.0, 6.5], 0.0),
        ("two pairs", [0.0, 1.0], [3.0, 4.5], 1.0),
        ("the neighbour of 2.5 is 1", [0.0, 1.0], [2.5, 5.0], 0.75),
        ("sets of unequal size", [0.0], [1.0, 1.5, 2.5, 3.75], 0.8),
        ("a tight set inside a wide one", [0.0, 0.5], [-4.0, 5.0], 0.5),
    ]
    for name, a, b, right in cases:
        for shape in ((1,), (1, 2, 2)):
            sets = [torch.tensor(each).reshape(-1, *[1] * len(shape)) for each in (a, b)]
            yours = two_sample_accuracy(*(each.expand(-1, *shape) for each in sets))
            assert abs(yours - right) < 1e-6, (
                f"{name}: for {a} and {b} the share is {right}, not {yours}"
            )
