"""How many votes it takes, by trying one odd number after another."""

from reasoning.voting.prediction import majority_chance


def smallest_jury(p: float, goal: float) -> int | None:
    """Try 1, 3, 5, ... votes: with odd numbers there are no ties."""
    return next((n for n in range(1, 1_000, 2) if majority_chance(p, n) >= goal), None)
