"""Dropout: in training, set random numbers to 0 and scale up the others so that the mean stays.

mask[t][i] = 0 with probability p, else 1 / (1 - p);    y[t][i] = mask[t][i] x[t][i]
(Srivastava et al. 2014, section 4)

The paper does not scale in training, and multiplies by 1 - p when the model is used. Libraries
scale in training (section 10 of the paper), so that in use, with p = 0, dropout does nothing.
"""

import random
from typing import Any

from handcalc.calculation import Calculation, Matrix, Tokens
from handcalc.layers.embedding import embedding
from handcalc.layers.loss import cross_entropy, head
from handcalc.model.transformer import BLOCKS, text_calculation


def dropout_mask(draws: random.Random, n_rows: int, width: int, p: float) -> Matrix:
    """Return a mask with one draw per number, which is dropped if the draw is below p.

    Raises:
        ValueError: p is not in [0, 1).
    """
    if not 0 <= p < 1:
        raise ValueError(f"p must be at least 0 and below 1, got {p}")
    scale = 1.0 / (1.0 - p)
    return [[0.0 if draws.random() < p else scale for _ in range(width)] for _ in range(n_rows)]


def dropout(x: Matrix, mask: Matrix) -> Matrix:
    """y[t][i] = mask[t][i] x[t][i].

    The gradient has the same form, x.grad[t][i] = mask[t][i] y.grad[t][i], so the backward pass is
    this function once more: a dropped number has no gradient.
    """
    return [[scale * number for scale, number in zip(*rows)] for rows in zip(mask, x)]


def forward_with_dropout(
    weights: dict[str, Any], tokens: Tokens, targets: Tokens, block: str, mask: Matrix
) -> Calculation:
    """Return the lines of `forward`, with dropout on the embedded text: X = mask E.

    The first GPT has dropout here and in two more places (Radford et al. 2018, section 4.1).
    """
    c = text_calculation(weights, tokens)
    e, embedding_back = embedding(c, "E")
    c.values["mask"] = mask
    x = c.line("X", dropout, e, "mask")
    n, block_back = BLOCKS[block](c, x)
    logits, p, head_back = head(c, n)
    loss_back = cross_entropy(c, logits, p, targets)

    def back() -> None:
        n_grad = head_back(loss_back())
        x_grad = block_back(n_grad)
        embedding_back(c.line("E.grad", dropout, x_grad, "mask"))

    c.back = back
    return c
