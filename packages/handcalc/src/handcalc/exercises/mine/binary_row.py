"""Exercise of the chapter on positions: the digits of a number as a row."""


def binary_row(t: int, n_digits: int) -> list[float]:
    """Return the binary digits of t, lowest first: 6 is 110 in binary, so its row is 0, 1, 1, 0."""
    raise NotImplementedError
