"""Exercise of the chapter on preference data: how often the best judge agrees with a noisy one."""


def best_accuracy(gaps: list[float]) -> float:
    """Return the expected accuracy of a judge who knows the true scores, on labels drawn from them.

    Args:
        gaps: for each pair, score(a) - score(b). The label prefers a with the Bradley-Terry
            probability. The judge prefers the higher score; if both are equal it guesses.
    """
    raise NotImplementedError
