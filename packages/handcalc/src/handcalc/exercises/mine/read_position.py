"""Exercise of the chapter on positions: what does the clock say?"""


def read_position(row: list[float]) -> int:
    """The position, 0 to 2,900, whose sinusoids of width 6 these are.

    The row holds sin and cos of t, of t / 21.544... and of t / 464.158...
    (`handcalc.toys.sinusoids.divisors(6)`).
    """
    raise NotImplementedError
