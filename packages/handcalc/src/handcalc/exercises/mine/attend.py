"""Exercise of the chapter on attention: the result for one query."""

from handcalc.calculation import Matrix, Vector


def attend(query: Vector, keys: Matrix, values: Matrix) -> Vector:
    """Return the sum of the values, weighted by the softmax of query . key / sqrt(d_k).

    The query may see all keys. `handcalc.calculation` has what you need.
    """
    raise NotImplementedError
