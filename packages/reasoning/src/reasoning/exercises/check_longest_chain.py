"""Check the number of steps that a model can afford against values worked out by hand."""

import math
from collections.abc import Callable


def check(longest_chain: Callable[[float, float], int | float]) -> None:
    """Compare with powers that are exact."""
    cases = [
        ("0.5^2 = 0.25 is below 0.3, 0.5^1 is not", 0.5, 0.3, 1),
        ("a chance equal to the goal is enough: 0.5^2", 0.5, 0.25, 2),
        ("0.5^10 = 1 / 1024", 0.5, 1 / 1024, 10),
        ("0.75^2 = 9/16 = 0.5625 is above a half, 0.75^3 = 0.42 is not", 0.75, 0.5, 2),
        ("0.9^6 = 0.53, 0.9^7 = 0.48", 0.9, 0.5, 6),
        ("0.99^68 = 0.505, 0.99^69 = 0.4998", 0.99, 0.5, 68),
        ("one step is already too many", 0.5, 0.75, 0),
        ("only certainty is good enough", 0.5, 1.0, 0),
        ("no step is ever right", 0.0, 0.5, 0),
        ("every step is right", 1.0, 0.5, math.inf),
        ("every step is right, as it must be", 1.0, 1.0, math.inf),
    ]
    for name, step_chance, goal, expected in cases:
        yours = longest_chain(step_chance, goal)
        assert yours == expected, (
            f"{name}: steps of chance {step_chance} and a goal of {goal:.4g} allow "
            f"{expected} steps, not {yours}"
        )
