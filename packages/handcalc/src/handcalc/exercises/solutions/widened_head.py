"""A small head as a special case of a whole one."""

Matrix = list[list[float]]


def widened_head(w: Matrix, head: int, n_heads: int) -> Matrix:
    """Return the matrix in the rows that the head reads, and zeros in the others."""
    inputs, outputs = len(w), len(w[0])
    wide = [[0.0] * outputs for _ in range(inputs * n_heads)]
    wide[head * inputs : (head + 1) * inputs] = [list(row) for row in w]
    return wide
