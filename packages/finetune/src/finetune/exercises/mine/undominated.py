"""Exercise of the capstone: which policies are worth keeping."""


def undominated(policies: dict[str, tuple[float, float]]) -> list[str]:
    """The names of the policies that no other one beats, nearest to the reference first.

    Args:
        policies: KL and reward of each. One beats another if it is no farther away and has no less
            reward, and is better in one of the two.
    """
    raise NotImplementedError
