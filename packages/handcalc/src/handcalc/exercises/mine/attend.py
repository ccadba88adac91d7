"""Exercise of the chapter on attention: what one query takes home."""

from handcalc.calculation import Matrix, Vector


def attend(query: Vector, keys: Matrix, values: Matrix) -> Vector:
    """The mixture of the values, in shares by the softmax of query . key / sqrt(d_k).

    The query may look at all keys. `handcalc.operations` has what you need.
    """
    raise NotImplementedError
