"""One mean from unequal micro-batches."""


def mean_loss(pieces: list[tuple[float, int]]) -> float:
    """Weight the mean of each micro-batch by the number of its terms."""
    scored = [(mean, terms) for mean, terms in pieces if terms]
    return sum(mean * terms for mean, terms in scored) / sum(terms for _, terms in scored)
