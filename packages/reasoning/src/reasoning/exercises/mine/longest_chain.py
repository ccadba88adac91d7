"""Exercise of the chapter on the chain of thought: how many steps a model can afford."""


def longest_chain(step_chance: float, goal: float) -> int | float:
    """Return the largest number of steps n for which all n are right with at least `goal`.

    Args:
        step_chance: chance that a step is right, from 0 to 1, independently of the others.
        goal: chance that is asked for, above 0 and at most 1.

    If every number of steps is good enough, return `math.inf`.
    """
    raise NotImplementedError
