"""One mean from unequal pieces."""


def mean_loss(pieces: list[tuple[float, int]]) -> float:
    """The mean loss over all terms of all pieces: each piece weighs as much as it has terms."""
    scored = [(mean, terms) for mean, terms in pieces if terms]
    return sum(mean * terms for mean, terms in scored) / sum(terms for _, terms in scored)
