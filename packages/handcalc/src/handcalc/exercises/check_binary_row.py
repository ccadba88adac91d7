"""Check the binary digits of a number, lowest digit first."""

from collections.abc import Callable


def check(binary_row: Callable[[int, int], list[float]]) -> None:
    """Check four rows by hand, then the row of every number of six digits."""
    table = {0: [0, 0, 0, 0], 1: [1, 0, 0, 0], 6: [0, 1, 1, 0], 13: [1, 0, 1, 1]}
    for t, row in table.items():
        yours = binary_row(t, 4)
        assert yours == row, f"{t} in four digits is {row}, not {yours}"
    for t in range(64):
        yours = binary_row(t, 6)
        assert len(yours) == 6, f"{t} in six digits has {len(yours)} of them: {yours}"
        total = sum(digit * 2**i for i, digit in enumerate(yours))
        assert total == t, f"the digits of {t} add up to {total}: {yours}"
