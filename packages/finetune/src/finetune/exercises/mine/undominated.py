"""Exercise of the capstone: which policies are worth keeping."""


def undominated(policies: dict[str, tuple[float, float]]) -> list[str]:
    """Return the names of the policies that no other policy beats, lowest KL first.

    Args:
        policies: KL and reward of each policy. One beats another if its KL is not higher and its
            reward not lower, and one of the two is better.
    """
    raise NotImplementedError
