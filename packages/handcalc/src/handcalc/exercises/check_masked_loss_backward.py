"""Do the positions without a target neither push nor count?"""

from collections.abc import Callable

from handcalc.calculation import Matrix


def check(masked_loss_backward: Callable[[Matrix, list[int | None]], Matrix]) -> None:
    """Quarters and halves, with holes at the beginning, in the middle and nowhere."""
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
