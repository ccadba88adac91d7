"""How many steps a model can afford, by counting and not by logarithms, which round."""

import math


def longest_chain(step_chance: float, goal: float) -> int | float:
    """Add steps until the next one would lower the chance below the goal."""
    if step_chance == 1:
        return math.inf
    n, chance = 0, step_chance
    while chance >= goal:
        n, chance = n + 1, chance * step_chance
    return n
