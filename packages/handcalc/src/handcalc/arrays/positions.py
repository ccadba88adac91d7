"""Where a token stands: attention does not know, so the positions must tell it.

Five schemes, which act in three places. A table that is learned (Gehring et al. 2017; GPT-2) or
waves (Vaswani et al. 2017, section 3.5) are added to the embedded tokens. RoPE turns queries and
keys (Su et al. 2021, section 3.2.2). ALiBi takes from the scores (Press et al. 2022, section 3).
The fifth scheme is none.

    Positions(rows=learned(table, T)[0])                        learned
    Positions(rows=sinusoids(T, D))                             sinusoidal
    Positions(turn=partial(rotate, angles=rotary_angles(T, K))) rotary
    Positions(bias=alibi_bias(T, H))                            ALiBi
    Positions()                                                 none
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from handcalc.arrays.layers import Array, Back

Turn: TypeAlias = Callable[[Array], tuple[Array, Back[Array]]]
Added: TypeAlias = Callable[[int, int], Array]
"""From n_positions and d_model to rows, T D: `sinusoids` or `no_rows`."""


def unturned(x: Array) -> tuple[Array, Back[Array]]:
    """The turn of the schemes that have none."""
    return x, lambda y_grad: y_grad


class Positions(NamedTuple):
    """What a scheme does in each of the three places; as it stands, nothing."""

    rows: Array | float = 0.0
    """Added to the embedded tokens, T D."""
    turn: Turn = unturned
    """Of queries and keys, B H T K."""
    bias: Array | float = 0.0
    """Added to the scores, H T S."""


def learned(table: Array, n_positions: int) -> tuple[Array, Back[Array]]:
    """The first rows of a table that is trained like any other weight.

    Raises:
        ValueError: the table has no row for the last position.
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
    """Waves of many lengths, from 2 pi to 10000 2 pi, as sine and cosine in turn; T D.

    PE[t, 2i] = sin(t / 10000^(2i/D)),    PE[t, 2i + 1] = cos(t / 10000^(2i/D))    (section 3.5)
    """
    angles = np.arange(n_positions)[:, None] / 10_000 ** (np.arange(0, d_model, 2) / d_model)
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return waves.reshape(n_positions, -1)[:, :d_model]


def no_rows(n_positions: int, d_model: int) -> Array:
    """Nothing, for every position alike."""
    return np.zeros((n_positions, d_model))


def rotary_angles(n_positions: int, d_head: int, base: float = 10_000.0) -> Array:
    """The angle of position t in pair i: theta[t, i] = t base^(-2i/K); T K/2."""
    return np.arange(n_positions)[:, None] * base ** (-np.arange(0, d_head, 2) / d_head)


def rotate(x: Array, angles: Array) -> tuple[Array, Back[Array]]:
    """Turn each pair (a, b) = (x[i], x[i + K/2]) of a row by its angle, as Llama does.

    (a, b) -> (a cos theta - b sin theta, a sin theta + b cos theta)    (eq. 13)
    """
    a, b = np.split(x, 2, axis=-1)
    cos, sin = np.cos(angles), np.sin(angles)
    y = np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
    # the matrix of a turn, transposed, turns back
    return y, lambda y_grad: rotate(y_grad, -angles)[0]


def rotate_interleaved(x: Array, angles: Array) -> tuple[Array, Back[Array]]:
    """The same for the pairs (x[2i], x[2i + 1]), as Su et al. write it."""
    a, b = x[..., 0::2], x[..., 1::2]
    cos, sin = np.cos(angles), np.sin(angles)
    y = np.stack([a * cos - b * sin, a * sin + b * cos], axis=-1).reshape(x.shape)
    return y, lambda y_grad: rotate_interleaved(y_grad, -angles)[0]


def to_halves(w: Array) -> Array:
    """W_Q or W_K, H K D, made for interleaved pairs, as `rotate` needs it.

    Row 2i of a head moves to i, and row 2i + 1 to i + K/2. Queries and keys change alike, so their
    products, and the model, stay the same.
    """
    return np.concatenate([w[:, 0::2], w[:, 1::2]], axis=1)


def slopes(n_heads: int) -> Array:
    """How fast each head forgets: 2^(-8/H), 2^(-16/H), ..., 2^(-8).

    That is for a power of two. Any other number takes those of the next lower power, and then every
    second one of twice that power (the authors' published code).
    """
    power: int = 2 ** (n_heads.bit_length() - 1)
    first = np.arange(1, power + 1) / power
    between = np.arange(1, 2 * (n_heads - power), 2) / (2 * power)
    return 2.0 ** (-8 * np.concatenate([first, between]))


def alibi_bias(n_positions: int, n_heads: int) -> Array:
    """The further back a key, the less it counts: bias[h, t, s] = -slope[h] (t - s)."""
    t = np.arange(n_positions)
    return -slopes(n_heads)[:, None, None] * (t[:, None] - t)
