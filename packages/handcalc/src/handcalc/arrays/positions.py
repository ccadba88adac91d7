"""Position encodings: attention itself ignores the order of tokens, so the model must add it.

Five schemes, which act in three places. A learned table (Gehring et al. 2017; GPT-2) or sinusoids
(Vaswani et al. 2017, section 3.5) are added to the embedded tokens. RoPE rotates queries and keys
(Su et al. 2021, section 3.2.2). ALiBi subtracts from the scores (Press et al. 2022, section 3). The
fifth scheme is none.

    Positions(rows=learned_rows(table, T)[0])                       learned
    Positions(rows=sinusoids(T, D))                                 sinusoidal
    Positions(rotation=partial(rotate, angles=rotary_angles(T, K))) rotary
    Positions(bias=alibi_bias(T, H))                                ALiBi
    Positions()                                                     none
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from handcalc.arrays.layers import Array, Backward

Rotation: TypeAlias = Callable[[Array], tuple[Array, Backward[Array]]]
PositionRows: TypeAlias = Callable[[int, int], Array]
"""From n_positions and d_model to rows, T D, such as `sinusoids`."""


def no_rotation(x: Array) -> tuple[Array, Backward[Array]]:
    """Return x unchanged, for schemes without a rotation."""
    return x, lambda y_grad: y_grad


class Positions(NamedTuple):
    """The effect of a scheme in each of the three places; the defaults have none."""

    rows: Array | float = 0.0
    """Added to the embedded tokens, T D."""
    rotation: Rotation = no_rotation
    """Applied to queries and keys, B H T K."""
    bias: Array | float = 0.0
    """Added to the scores, H T S."""


def learned_rows(table: Array, n_positions: int) -> tuple[Array, Backward[Array]]:
    """Return the first rows of a table that is trained like any other weight.

    Raises:
        ValueError: the table has fewer rows than there are positions.
    """
    if n_positions > len(table):
        raise ValueError(f"{n_positions} positions, but the table has {len(table)} rows")

    def back(rows_grad: Array) -> Array:
        # rows that were not used get 0
        table_grad = np.zeros_like(table)
        table_grad[:n_positions] = rows_grad
        return table_grad

    return table[:n_positions], back


def sinusoids(n_positions: int, d_model: int) -> Array:
    """Return sines and cosines in alternating columns, with wavelengths 2 pi to 10000 2 pi; T D.

    PE[t, 2i] = sin(t / 10000^(2i/D)),    PE[t, 2i + 1] = cos(t / 10000^(2i/D))    (section 3.5)
    """
    angles = np.arange(n_positions)[:, None] / 10_000 ** (np.arange(0, d_model, 2) / d_model)
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return waves.reshape(n_positions, -1)[:, :d_model]


def rotary_angles(n_positions: int, d_head: int, base: float = 10_000.0) -> Array:
    """theta[t, i] = t base^(-2i/K), the angle of pair i at position t; T K/2."""
    return np.arange(n_positions)[:, None] * base ** (-np.arange(0, d_head, 2) / d_head)


def rotate(x: Array, angles: Array) -> tuple[Array, Backward[Array]]:
    """Rotate each pair (a, b) = (x[i], x[i + K/2]) of a row by its angle, as Llama does.

    (a, b) -> (a cos theta - b sin theta, a sin theta + b cos theta)    (eq. 13)
    """
    a, b = np.split(x, 2, axis=-1)
    cos, sin = np.cos(angles), np.sin(angles)
    y = np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
    # the transpose of a rotation is the rotation by the opposite angle
    return y, lambda y_grad: rotate(y_grad, -angles)[0]


def rotate_interleaved(x: Array, angles: Array) -> tuple[Array, Backward[Array]]:
    """Rotate each pair (x[2i], x[2i + 1]) instead, as Su et al. write it.

    With the rows of W_Q and W_K of each head in another order, first the even ones and then the odd
    ones, `rotate` computes the same products, and so the same model.
    """
    a, b = x[..., 0::2], x[..., 1::2]
    cos, sin = np.cos(angles), np.sin(angles)
    y = np.stack([a * cos - b * sin, a * sin + b * cos], axis=-1).reshape(x.shape)
    return y, lambda y_grad: rotate_interleaved(y_grad, -angles)[0]


def alibi_slopes(n_heads: int) -> Array:
    """Return the slope of each head: 2^(-8/H), 2^(-16/H), ..., 2^(-8).

    This holds for a power of two. Any other number of heads takes the slopes of the next lower
    power, then every second slope of twice that power (the authors' published code).
    """
    power: int = 2 ** (n_heads.bit_length() - 1)
    first = np.arange(1, power + 1) / power
    between = np.arange(1, 2 * (n_heads - power), 2) / (2 * power)
    return 2.0 ** (-8 * np.concatenate([first, between]))


def alibi_bias(n_positions: int, n_heads: int) -> Array:
    """bias[h, t, s] = -slope[h] (t - s): a penalty that grows with the distance to the key."""
    t = np.arange(n_positions)
    return -alibi_slopes(n_heads)[:, None, None] * (t[:, None] - t)
