"""Exercise of the chapter on heads: the contribution of each head."""

from handcalc.calculation import Matrix


def contributions(outputs: list[Matrix], w_o: Matrix) -> list[Matrix]:
    """Return for each head its own term of concat(outputs) W_O^T; the terms add up to the product.

    Args:
        outputs: a matrix for each head, all of one width.
        w_o: outputs x inputs; its columns are those of head 0, then of head 1, and so on.
    """
    raise NotImplementedError
