"""Check the attempts that a goal needs against sums worked out by hand."""

from collections.abc import Callable


def check(attempts_needed: Callable[[float, float, float], int | None]) -> None:
    """Compare with sums that are exact, and with goals that no budget reaches."""
    cases = [
        ("one attempt is enough", 0.5, 0.5, 0.5, 1),
        ("1/2 + 1/4 = 0.75", 0.5, 0.5, 0.75, 2),
        ("0.75 is not enough, 0.875 is", 0.5, 0.5, 0.8, 3),
        ("1/4 + 3/4 * 1/4 = 0.4375", 0.25, 0.25, 0.4375, 2),
        ("false hits end a trace too: 0.25 + 0.125 + 0.0625 = 0.4375", 0.25, 0.5, 0.4, 3),
        ("half of the hits are false: the limit is 0.5", 0.25, 0.5, 0.6, None),
        ("every attempt claims a hit: one or never", 0.25, 1.0, 0.25, 1),
        ("every attempt claims a hit: there is no second one", 0.25, 1.0, 0.3, None),
        ("no attempt is ever right", 0.0, 0.5, 0.1, None),
        ("rare hits: 1 - 0.99^68 = 0.495, 1 - 0.99^69 = 0.5002", 0.01, 0.01, 0.5, 69),
        ("1,000 attempts are not enough", 0.0001, 0.0001, 0.5, None),
    ]
    for name, right_chance, hit_chance, goal, expected in cases:
        yours = attempts_needed(right_chance, hit_chance, goal)
        assert yours == expected, (
            f"{name}: attempts with a hit of chance {hit_chance}, right with {right_chance}, "
            f"need {expected} for a goal of {goal}, not {yours}"
        )
