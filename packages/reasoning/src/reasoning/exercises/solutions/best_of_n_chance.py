"""The chance of a right answer, sample by sample."""


def best_of_n_chance(p: float, accepts_right: float, accepts_wrong: float, n: int) -> float:
    """Add the chances that sample 1, 2, ... is the first accepted one, and is right."""
    right = p * accepts_right
    accepted = right + (1 - p) * accepts_wrong
    return sum((1 - accepted) ** k * right for k in range(n))
