"""Check that the adapter is as close to the change as its rank allows."""

from collections.abc import Callable

import torch
from torch import Tensor


def check(best_adapter: Callable[[Tensor, int, float], tuple[Tensor, Tensor]]) -> None:
    """Compare with changes whose best approximation is obvious, and with known errors."""
    diagonal = torch.tensor([[2.0, 0.0, 0.0], [0.0, 5.0, 0.0]], dtype=torch.float64)
    single = torch.tensor([[3.0, 6.0], [1.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
    cases = [
        ("the larger of 2 and 5 stays", diagonal, 1, 1.0, torch.tensor([[0.0] * 3, [0, 5, 0]])),
        ("rank 2 is enough for all of it", diagonal, 2, 1.0, diagonal),
        ("rows that are multiples of (1 2)", single, 1, 1.0, single),
        ("with scale 4", single, 1, 4.0, single),
        ("with scale 0.5", diagonal, 1, 0.5, torch.tensor([[0.0] * 3, [0, 5, 0]])),
    ]
    for name, change, rank, scale, expected in cases:
        a, b = checked_shapes(best_adapter, change, rank, scale)
        yours = scale * b @ a
        right = torch.allclose(yours, expected.double(), rtol=0, atol=1e-9)
        assert right, f"{name}: {scale} B A must be {expected.tolist()}, not {yours.tolist()}"

    change = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for rank in (1, 3):
        a, b = checked_shapes(best_adapter, change, rank, 2.0)
        least = torch.linalg.svdvals(change)[rank:].square().sum()
        error = (change - 2 * b @ a).square().sum()
        right = torch.allclose(error, least)
        assert right, f"rank {rank} of a random change: the error is {least:.3f}, not {error:.3f}"


def checked_shapes(
    best_adapter: Callable[[Tensor, int, float], tuple[Tensor, Tensor]],
    change: Tensor,
    rank: int,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """Call the function and check the shapes of A and B."""
    a, b = best_adapter(change, rank, scale)
    shapes, expected = (a.shape, b.shape), ((rank, change.shape[1]), (change.shape[0], rank))
    assert shapes == expected, f"A and B must have the shapes {expected}, not {shapes}"
    return a, b
