"""Is every position read off its row?"""

from collections.abc import Callable

from handcalc.toys.sinusoids import sinusoid


def check(read_position: Callable[[list[float]], int]) -> None:
    """Near, far, past a quarter and past half of a turn of the slow hand, then every tenth."""
    for t in (0, 1, 44, 800, 2000, *range(0, 2901, 10)):
        yours = read_position(sinusoid(t, 6))
        assert yours == t, f"the row of position {t} was read as {yours}"
