"""The contribution of each head to the result of attention."""

from handcalc.calculation import Matrix, split, times_transposed


def contributions(outputs: list[Matrix], w_o: Matrix) -> list[Matrix]:
    """M[h] = O[h] W_O[h]^T, where W_O[h] has the columns of W_O that read head h."""
    columns = split(w_o, len(outputs))
    return [times_transposed(o, own) for o, own in zip(outputs, columns, strict=True)]
