"""How well a coin would have done, by counting the sequences of throws."""

import math


def sign_test(wins: int, losses: int) -> float:
    """Count the sequences with at least `wins` heads among all 2^n of them."""
    n = wins + losses
    return sum(math.comb(n, heads) for heads in range(wins, n + 1)) / 2**n
