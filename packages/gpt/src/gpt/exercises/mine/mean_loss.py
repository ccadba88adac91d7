"""Exercise of the chapter on training: one mean from unequal pieces."""


def mean_loss(pieces: list[tuple[float, int]]) -> float:
    """The mean loss over all terms of all pieces.

    Args:
        pieces: for each piece the mean loss of its terms, and how many terms it has. A piece
            without terms has no mean (its number is nan) and must count for nothing.
    """
    raise NotImplementedError
