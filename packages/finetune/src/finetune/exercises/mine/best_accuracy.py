"""Exercise of the chapter on preference data: how often the best judge agrees with a noisy one."""


def best_accuracy(gaps: list[float]) -> float:
    """The accuracy to expect of a judge who knows the true scores, on labels drawn from them.

    Args:
        gaps: for each pair, score(a) - score(b). The label prefers a with the probability of
            Bradley and Terry. The judge prefers the higher score; with equal ones it guesses.
    """
    raise NotImplementedError
