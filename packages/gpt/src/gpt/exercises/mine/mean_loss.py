"""Exercise of the chapter on training: one mean from unequal micro-batches."""


def mean_loss(pieces: list[tuple[float, int]]) -> float:
    """Return the mean loss over all terms of all micro-batches.

    Args:
        pieces: for each micro-batch, the mean loss and the number of its terms. A micro-batch
            without terms has the mean NaN and must be ignored.
    """
    raise NotImplementedError
