r"""The chance that a vote is right, given the chances of the answers in one sample.

With one right answer of chance p and all others of chance 1 - p together, the majority of n samples
is right with the upper half of the binomial distribution (Condorcet 1785):

    P = sum over k > n/2 of C(n, k) p^k (1 - p)^(n - k),  plus half of the term k = n/2

That is too pessimistic if wrong answers differ: 2 votes win against 1, 1 and 1. The exact chance
that the right answer has the most votes (the plurality) sums the multinomial distribution over all
counts in which no other answer has more; if t others have as many, the right one wins 1 / (t + 1):
a tie goes to the answer that came first, and each of them is first equally often.
"""

import math
from collections.abc import Sequence

from gpt.errors import BadInput

MAX_SAMPLES = 1_000
"""Most samples of a vote; the binomial coefficients of more exceed floating point."""


def majority_chance(p: float, n: int) -> float:
    """Return the chance that more than half of n samples are right; a tie counts half."""
    check_chances([p], n)
    terms = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    tie = terms[n // 2] / 2 if n % 2 == 0 else 0.0
    return sum(terms[n // 2 + 1 :]) + tie


def plurality_chance(right: float, others: Sequence[float], n: int) -> float:
    """Return the chance that the right answer wins a vote of n samples.

    Args:
        right: the chance of the right answer in one sample.
        others: the chances of the other valid answers; the rest, up to 1, is the chance of a sample
            without a valid answer.
        n: the number of samples.

    Raises:
        BadInput: a chance is outside of [0, 1], their sum is above 1, or n is below 1.
    """
    check_chances([right, *others], n)
    invalid = max(0.0, 1 - right - sum(others))
    return sum(plurality_chance_with(k, right, others, invalid, n) for k in range(1, n + 1))


def plurality_chance_with(
    k: int, right: float, others: Sequence[float], invalid: float, n: int
) -> float:
    """Return the chance that the right answer wins with exactly k of n votes.

    The other answers get their votes one after another: `count` votes multiply the chance by
    C(votes left, count) chance^count. `ways` holds the sums of these products, by the number of
    votes that are given so far and the number of answers that tie with k.
    """
    ways = {(k, 0): math.comb(n, k) * right**k}
    for chance in others:
        ways = add_answer(ways, chance, k, n)
    # the samples that are left have no valid answer
    return sum(
        product * invalid ** (n - votes) / (ties + 1) for (votes, ties), product in ways.items()
    )


def add_answer(
    ways: dict[tuple[int, int], float], chance: float, k: int, n: int
) -> dict[tuple[int, int], float]:
    """Return `ways` after one more answer has got its votes, at most k of them."""
    more: dict[tuple[int, int], float] = {}
    for (votes, ties), product in ways.items():
        for count in range(min(k, n - votes) + 1):
            key = votes + count, ties + (count == k)
            # in these parentheses, so that no partial product overflows
            term = product * (math.comb(n - votes, count) * chance**count)
            more[key] = more.get(key, 0.0) + term
    return more


def check_chances(chances: Sequence[float], n: int) -> None:
    """Raise BadInput if these are no chances of different answers, or n is out of range."""
    if not all(0 <= chance <= 1 for chance in chances) or sum(chances) > 1 + 1e-9:
        raise BadInput(f"chances must lie in [0, 1] and add up to at most 1, got {list(chances)}")
    if not 1 <= n <= MAX_SAMPLES:
        raise BadInput(f"a vote needs 1 to {MAX_SAMPLES} samples, got {n}")
