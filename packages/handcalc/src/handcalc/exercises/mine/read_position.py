"""Exercise of the chapter on positions: reading a position from its sinusoids."""


def read_position(row: list[float]) -> int:
    """Return the position, 0 to 2,900, that has this row of sinusoids of width 6.

    The row holds sin and cos of t, of t / 21.544... and of t / 464.158...
    (`handcalc.toys.sinusoids.divisors(6)`).
    """
    raise NotImplementedError
