"""Exercise of the chapter on trees of thoughts: a beam on any tree."""


def beam_search(
    root: str, children: dict[str, list[str]], values: dict[str, float], breadth: int
) -> str:
    """Return the best complete state that a beam reaches.

    Args:
        root: the state to begin with.
        children: the states after each state; a state that is not a key is complete. All complete
            states are on the same level.
        values: the value of each state but the root. No two of one level are equal.
        breadth: how many states of a level are kept.
    """
    raise NotImplementedError
