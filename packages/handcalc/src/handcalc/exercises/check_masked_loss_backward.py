"""Check that positions without a target have no gradient and are not counted."""

from collections.abc import Callable

from handcalc.calculation import Matrix


def check(masked_loss_backward: Callable[[Matrix, list[int | None]], Matrix]) -> None:
    """Check probabilities of 1/4 and 1/2, with missing targets in several places."""
    row, zeros = [0.25, 0.25, 0.5], [0.0, 0.0, 0.0]
    cases: list[tuple[list[int | None], Matrix]] = [
        ([2, 0], [[0.125, 0.125, -0.25], [-0.375, 0.125, 0.25]]),
        ([None, 2], [zeros, [0.25, 0.25, -0.5]]),
        ([2, None, None, 0], [[0.125, 0.125, -0.25], zeros, zeros, [-0.375, 0.125, 0.25]]),
    ]
    for targets, expected in cases:
        found = masked_loss_backward([row[:] for _ in targets], targets)
        assert found == expected, (
            f"at probabilities {row} and targets {targets} the gradient is {expected}, not {found}"
        )
