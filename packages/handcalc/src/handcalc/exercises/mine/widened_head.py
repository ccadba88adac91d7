"""Exercise of the chapter with the pencil: a small head as a special case of a whole one."""

Matrix = list[list[float]]


def widened_head(w: Matrix, head: int, n_heads: int) -> Matrix:
    """Return a matrix for whole rows that equals `w` on the part of a row that its head reads.

    Args:
        w: inputs x outputs, where the inputs are the head's own part of a row.
        head: which part: 0 is the first.
        n_heads: how many parts a row has.
    """
    raise NotImplementedError
