"""Exercise of the chapter on prompting: could a coin have done as well?"""


def sign_test(wins: int, losses: int) -> float:
    """Return the chance that a fair coin wins at least as often: the one-sided sign test.

    Args:
        wins: problems that only the first of two prompts solves.
        losses: problems that only the second one solves.

    The coin is thrown once for each of these problems. Problems that both prompts solve, or
    neither, tell nothing and are not thrown for.
    """
    raise NotImplementedError
