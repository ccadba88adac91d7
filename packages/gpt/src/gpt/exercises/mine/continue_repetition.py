"""Exercise of the chapter on circuits: what an induction head predicts."""


def continue_repetition(tokens: list[int]) -> int | None:
    """Return the token that came after the last earlier occurrence of the last token.

    None if the last token did not occur before.
    """
    raise NotImplementedError
