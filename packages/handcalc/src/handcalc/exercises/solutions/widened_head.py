"""A small head as a special case of a whole one."""

Matrix = list[list[float]]


def widened_head(w: Matrix, head: int, n_heads: int) -> Matrix:
    """Zeros for what the head does not read: the matrix in its own rows, and nothing elsewhere."""
    inputs, outputs = len(w), len(w[0])
    wide = [[0.0] * outputs for _ in range(inputs * n_heads)]
    wide[head * inputs : (head + 1) * inputs] = [list(row) for row in w]
    return wide
