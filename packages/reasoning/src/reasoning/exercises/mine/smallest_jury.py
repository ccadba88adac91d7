"""Exercise of the chapter on voting: how many votes it takes."""


def smallest_jury(p: float, goal: float) -> int | None:
    """Return the smallest odd number of votes whose majority is right with at least `goal`.

    Args:
        p: chance that a vote is right, independently of the others.
        goal: chance that is asked for, between 0 and 1.

    Only odd numbers up to 999 count. If none of them is enough, return None.
    """
    raise NotImplementedError
