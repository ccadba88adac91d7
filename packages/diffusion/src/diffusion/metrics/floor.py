"""The floor of a distance between sets: what real images score against other real images.

Two finite sets differ by chance, and the fewer rows they have the more. A distance of 3 means
nothing until two disjoint sets of as many real rows are known to be 1.5 apart (Chong and Forsyth
2020, "Effectively unbiased FID and Inception Score and where to find them", measure this bias).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from diffusion.metrics.checks import check_rows
from gpt.errors import BadInput

SetDistance = Callable[[Float[Tensor, "N D"], Float[Tensor, "M D"]], float]
"""A distance between two sets of rows."""


class AboveFloor(NamedTuple):
    """A distance from samples to real rows, next to the distance between real rows."""

    distance: float
    """Mean distance from the samples to as many real rows."""
    floor: float
    """Mean distance between two disjoint sets of as many real rows."""
    ratio: float
    """distance / floor; 1 = as close as real rows are."""


def real_floor(
    distance: SetDistance,
    real: Float[Tensor, "N D"],
    n: int,
    generator: Generator,
    splits: int = 20,
) -> float:
    """Return the mean distance between two disjoint random sets of n real rows.

    Raises:
        BadInput: there are fewer than 2 n real rows.
    """
    return sum(distance(a, b) for a, b in real_splits(real, n, generator, splits)) / splits


def above_floor(
    distance: SetDistance,
    samples: Float[Tensor, "M D"],
    real: Float[Tensor, "N D"],
    generator: Generator,
    splits: int = 20,
) -> AboveFloor:
    """Compare samples with as many real rows, and those with as many other real rows.

    Raises:
        BadInput: there are fewer than two real rows per sample.
    """
    check_rows(1, real=real, samples=samples)
    pairs = list(real_splits(real, len(samples), generator, splits))
    measured = sum(distance(samples, a) for a, _ in pairs) / splits
    floor = sum(distance(a, b) for a, b in pairs) / splits
    return AboveFloor(measured, floor, measured / floor if floor else float("inf"))


def real_splits(
    real: Float[Tensor, "N D"], n: int, generator: Generator, splits: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pairs of disjoint random sets of n rows.

    Raises:
        BadInput: there are fewer than 2 n rows.
    """
    if n < 1 or 2 * n > len(real):
        raise BadInput(
            f"two disjoint sets of {n} rows need {2 * n} real rows, got {len(real)}; "
            f"pass at most {len(real) // 2} samples"
        )
    for _ in range(splits):
        order = torch.randperm(len(real), generator=generator)
        yield real[order[:n]], real[order[n : 2 * n]]
