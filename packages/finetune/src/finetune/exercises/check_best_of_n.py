"""Check the distribution of the best of n draws."""

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor


def check(best_of_n: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    """Compare with one draw, two throws of a coin, equal rewards, and full enumeration."""
    cases = [
        (
            "one draw is the reference",
            [1 / 2, 1 / 4, 1 / 4],
            [0.0, 1.0, 2.0],
            1,
            [1 / 2, 1 / 4, 1 / 4],
        ),
        (
            "the worse side needs two throws",
            [1 / 2, 1 / 2],
            [0.0, 1.0],
            2,
            [1 / 4, 3 / 4],
        ),
        (
            "equal rewards keep the reference",
            [1 / 2, 1 / 4, 1 / 4],
            [1.0, 1.0, 1.0],
            3,
            [1 / 2, 1 / 4, 1 / 4],
        ),
        ("two of three equal", [1 / 4, 1 / 4, 1 / 2], [0.0, 0.0, 1.0], 2, [1 / 8, 1 / 8, 3 / 4]),
        ("the order does not matter", [1 / 2, 1 / 2], [1.0, 0.0], 2, [3 / 4, 1 / 4]),
    ]
    for name, reference, rewards, n, expected in cases:
        compare(best_of_n, name, reference, rewards, n, expected)
    reference, rewards = [0.4, 0.3, 0.2, 0.1], [1.0, -2.0, 1.0, 5.0]
    for n in (2, 3):
        compare(
            best_of_n, "all draws", reference, rewards, n, enumerate_draws(reference, rewards, n)
        )


def compare(
    best_of_n: Callable[[Tensor, Tensor, int], Tensor],
    name: str,
    reference: list[float],
    rewards: list[float],
    n: int,
    expected: list[float],
) -> None:
    """Compare the probabilities of one case."""
    given = torch.tensor(reference, dtype=torch.float64).log()
    yours = best_of_n(given, torch.tensor(rewards, dtype=torch.float64), n)
    right = torch.allclose(yours.double(), torch.tensor(expected).double(), rtol=0, atol=1e-6)
    assert right, (
        f"{name}: the best of {n} from {reference} with rewards {rewards} is {expected}, "
        f"not {yours.tolist()}"
    )


def enumerate_draws(reference: list[float], rewards: list[float], n: int) -> list[float]:
    """Compute the distribution from every sequence of n draws; the first of the best is kept."""
    found = [0.0] * len(reference)
    for draws in product(range(len(reference)), repeat=n):
        kept = max(draws, key=lambda draw: rewards[draw])
        probability = 1.0
        for draw in draws:
            probability *= reference[draw]
        found[kept] += probability
    return [round(each, 9) for each in found]
