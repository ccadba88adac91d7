"""Dropout: in training some numbers become 0, and the others grow so that the mean stays.

mask[t][i] = 0 with probability p, else 1 / (1 - p);    y[t][i] = mask[t][i] x[t][i]
(Srivastava et al. 2014, section 4)

The paper leaves the numbers that stay as they are, and multiplies by 1 - p when the model is used.
Libraries do it this way round (section 10 of the paper), so that a model in use does nothing:
its p is 0, and its mask holds only ones.
"""

import random

from handcalc.model.calculation import Calculation
from handcalc.model.step import backward
from handcalc.operations.embedding import embedded_backward
from handcalc.operations.matrices import Matrix


def dropout_mask(draws: random.Random, n_rows: int, width: int, p: float) -> Matrix:
    """A mask, with one draw for each number: it is dropped if the draw lies below p.

    Raises:
        ValueError: p does not lie from 0 to below 1.
    """
    if not 0 <= p < 1:
        raise ValueError(f"p must lie from 0 to below 1, got {p}")
    kept = 1.0 / (1.0 - p)
    return [[0.0 if draws.random() < p else kept for _ in range(width)] for _ in range(n_rows)]


def dropped(x: Matrix, mask: Matrix) -> Matrix:
    """y[t][i] = mask[t][i] x[t][i]."""
    return [[share * each for share, each in zip(*rows)] for rows in zip(mask, x)]


def dropped_backward(mask: Matrix, y_grad: Matrix) -> Matrix:
    """x.grad[t][i] = mask[t][i] y.grad[t][i]: what was dropped learns nothing, by the same mask."""
    return dropped(y_grad, mask)


def with_dropout(c: Calculation, mask: Matrix) -> Calculation:
    """The same lines with a mask on the embedded text, now called E: X[t][i] = mask[t][i] E[t][i].

    The first GPT drops here and in two more places (Radford et al. 2018, section 4.1).
    """
    made = {name for line in c.lines for name in line.names}
    masked = Calculation({name: c.values[name] for name in c.weights})
    for name in c.values:
        if name not in made:
            masked.given(name, c.values[name])
    masked.given("mask", mask)
    for line in c.lines:
        if line.names == ["X"]:
            masked.line("E", line.function, *line.inputs)
            masked.line("X", dropped, "E", "mask")
        else:
            masked.line(" ".join(line.names), line.function, *line.inputs)
    return masked


def backward_with_dropout(c: Calculation, block: str) -> None:
    """The gradients; what reaches X goes through the mask to E, and from there to both tables."""
    backward(c, block)
    c.line("E.grad", dropped_backward, "mask", "X.grad")
    c.line("token.grad position.grad", embedded_backward, "token", "position", "tokens", "E.grad")
