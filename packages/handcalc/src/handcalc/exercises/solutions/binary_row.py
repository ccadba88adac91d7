"""The digits of a number as a row."""


def binary_row(t: int, n_digits: int) -> list[float]:
    """Digit i says whether 2^i is in t."""
    return [float(t >> i & 1) for i in range(n_digits)]
