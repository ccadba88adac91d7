"""Exercise of the chapter on heads: what each of them writes."""

from handcalc.calculation import Matrix


def contributions(outputs: list[Matrix], w_o: Matrix) -> list[Matrix]:
    """For each head, its own part of (outputs, side by side) W_O^T; the parts add up to all of it.

    Args:
        outputs: a matrix for each head, all of one width.
        w_o: outputs x inputs; its columns are those of head 0, then of head 1, and so on.
    """
    raise NotImplementedError
