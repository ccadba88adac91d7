"""Exercise of the chapter on budgets: how many attempts it takes."""


def attempts_needed(right_chance: float, hit_chance: float, goal: float) -> int | None:
    """Return the smallest number of attempts whose accuracy is at least `goal`.

    Args:
        right_chance: chance that an attempt claims a hit and its answer is right.
        hit_chance: chance that an attempt claims a hit, at least `right_chance`.
        goal: accuracy that is asked for, above 0 and at most 1.

    The first claim ends the trace, and an answer without a claim is wrong. All attempts have equal
    chances. If no number up to 1,000 is enough, return None.
    """
    raise NotImplementedError
