"""Exercise of the chapter on the backward pass of attention: all of it, for a single query."""

from handcalc.calculation import Matrix, Vector


def one_query_backward(
    q: Vector, keys: Matrix, values: Matrix, o_grad: Vector
) -> tuple[Vector, Matrix, Matrix]:
    """Return the gradients at q, the keys and the values.

    o = sum over s of p[s] values[s],  p = softmax of q . keys[s] / sqrt(numbers in q)
    """
    raise NotImplementedError
