"""Check the positions that are read from rows of sinusoids."""

from collections.abc import Callable

from handcalc.toys.sinusoids import sinusoid


def check(read_position: Callable[[list[float]], int]) -> None:
    """Check positions in each part of the slow hand's turn, then every tenth position."""
    for t in (0, 1, 44, 800, 2000, *range(0, 2901, 10)):
        yours = read_position(sinusoid(t, 6))
        assert yours == t, f"the row of position {t} was read as {yours}"
