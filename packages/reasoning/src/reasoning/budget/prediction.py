r"""The accuracy of a budget of attempts, if every attempt has the same chances as the first.

An attempt claims a hit with chance h, and claims it with a right answer with chance c <= h. Attempt
k is made only if the k - 1 attempts before it missed. With n allowed attempts:

    attempts(n)  =  1 + (1 - h) + ... + (1 - h)^(n - 1)
    accuracy(n)  =  c * attempts(n)

Answers after n misses count as wrong. The accuracy per attempt is c for every n: a budget does not
make attempts better, it only allows more of them.
"""


def expected_attempts(hit_chance: float, n_attempts: int) -> float:
    """Return the mean number of attempts of an adaptive budget."""
    return sum((1 - hit_chance) ** k for k in range(n_attempts))


def adaptive_accuracy(right_chance: float, hit_chance: float, n_attempts: int) -> float:
    """Return the chance that the answer of an adaptive budget is right.

    `hit_chance` is the chance that an attempt claims a hit, and `right_chance` the chance that it
    claims a hit and its answer is right.
    """
    return right_chance * expected_attempts(hit_chance, n_attempts)
