"""The binary digits of a number as a row."""


def binary_row(t: int, n_digits: int) -> list[float]:
    """Return the digits; digit i is 1 if 2^i is part of t."""
    return [float(t >> i & 1) for i in range(n_digits)]
