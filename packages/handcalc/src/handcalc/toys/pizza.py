"""A forward pass for a pencil: "I love pizza", rows of six numbers, two heads of three.

The block is that of Vaswani et al. 2017, section 3.1: a norm follows each of its two layers, the
feed-forward layer has a ReLU (eq. 2), and the head is tied to the embeddings (section 3.4).

Departures, all to save pencil work. Each head reads its own three entries of a row instead of all
six. The positions are rounded to two decimals. Embeddings are not multiplied by sqrt(D). Weights
that are not listed below are drawn from a seed and rounded to one decimal.
"""

import random
from collections.abc import Callable
from typing import Any

from handcalc.calculation import (
    Calculation,
    Matrix,
    Name,
    concatenate,
    map_numbers,
    plus,
    split,
    times,
    times_transposed,
)
from handcalc.layers.embedding import embedding
from handcalc.layers.feed_forward import affine, relu
from handcalc.layers.layer_norm import EPSILON, layer_norm
from handcalc.layers.loss import probabilities
from handcalc.toys.scaling import divide_by_root
from handcalc.toys.sinusoids import sinusoids

PIZZA_WORDS = ["I", "love", "pizza"]
D_MODEL, N_HEADS, D_FF = 6, 2, 24
D_HEAD = D_MODEL // N_HEADS
PENCIL_SEED = 42

BY_HAND: dict[str, Matrix] = {
    "token": [
        [0.01, -0.20, 0.30, 0.15, -0.05, 0.11],
        [-0.40, 0.60, 0.00, 0.25, 0.90, -0.30],
        [0.90, -0.10, -0.20, -0.80, 0.50, 0.75],
    ],
    "W_Q.0": [[0.2, 0.3, -0.1], [0.1, -0.2, 0.4], [-0.3, 0.1, 0.2]],
    "W_K.0": [[0.1, -0.2, 0.3], [0.2, 0.3, -0.1], [0.4, 0.1, 0.2]],
    "W_V.0": [[0.3, 0.1, 0.2], [-0.2, 0.3, 0.1], [0.1, -0.1, 0.3]],
    "W_O": [
        [0.1, 0.2, -0.1, 0.3, 0.1, -0.2],
        [0.2, -0.1, 0.3, 0.1, 0.2, 0.1],
        [-0.1, 0.3, 0.1, -0.2, 0.3, 0.2],
        [0.3, 0.1, 0.2, -0.1, 0.1, 0.3],
        [0.1, -0.2, 0.3, 0.2, -0.1, 0.1],
        [-0.2, 0.3, 0.1, 0.3, 0.2, -0.1],
    ],
}
"""As elsewhere, W_Q, W_K and W_V are stored as inputs x outputs, W_O as outputs x inputs."""


def pencil_weights() -> dict[str, Any]:
    """Return the weights above, the positions, and the others in the order of their draws."""
    draws = random.Random(PENCIL_SEED)
    sizes = {f"W_{letter}.1": (D_HEAD, D_HEAD) for letter in "QKV"}
    sizes |= {"W_1": (D_FF, D_MODEL), "b_1": (D_FF,), "W_2": (D_MODEL, D_FF), "b_2": (D_MODEL,)}
    weights: dict[str, Any] = dict(BY_HAND)
    weights["position"] = map_numbers(lambda x: round(x, 2), sinusoids(3, D_MODEL))
    weights |= {name: draw_tenths(draws, *size) for name, size in sizes.items()}
    for n in (".0", ".1"):
        weights |= {f"gamma{n}": [1.0] * D_MODEL, f"beta{n}": [0.0] * D_MODEL}
    return weights


def draw_tenths(draws: random.Random, n: int, *rest: int) -> Any:
    """Draw a vector of n numbers from N(0, 0.3^2) with one decimal, or a matrix of n rows."""
    if rest:
        return [draw_tenths(draws, *rest) for _ in range(n)]
    return [round(draws.gauss(0, 0.3), 1) + 0.0 for _ in range(n)]  # + 0.0: no minus zero


Head = Callable[[Calculation, int, Name, Name, Name], tuple[Name, Any]]
"""Adds the lines of head h from its queries, keys and values, and returns O."""


def walk(weights: dict[str, Any], head: Head) -> Calculation:
    """Return the lines from the three words to the probabilities.

    `head` is `layers.attention.attention`, where a word sees only itself and the words before it,
    or `full_attention`.
    """
    c = Calculation(weights)
    c.values["tokens"] = [0, 1, 2]
    c.values["n_heads"] = N_HEADS
    c.values["d_k"] = float(D_HEAD)
    c.values["epsilon"] = EPSILON
    x, _ = embedding(c)
    m = separate_heads(c, x, head)
    n0, _ = layer_norm(c, c.line("R.0", plus, x, m), ".0")
    h = c.line("H", affine, n0, "W_1", "b_1")
    g = c.line("G", relu_rows, h)
    f = c.line("F", affine, g, "W_2", "b_2")
    n1, _ = layer_norm(c, c.line("R.1", plus, n0, f), ".1")
    logits = c.line("logits", times_transposed, n1, "token")
    c.line("probabilities", probabilities, logits)
    return c


def separate_heads(c: Calculation, x: Name, head: Head) -> Name:
    """Add the lines of M = concat(O of both heads) W_O^T; each head reads its half of each row."""
    outputs: list[Name] = []
    for h, part in enumerate(c.tuple_line(["X.0", "X.1"], split, x, "n_heads")):
        q, k, v = (c.line(f"{w}.{h}", times, part, f"W_{w}.{h}") for w in "QKV")
        outputs.append(head(c, h, q, k, v)[0])
    return c.line("M", times_transposed, c.line("C", concatenate, *outputs), "W_O")


def full_attention(c: Calculation, h: int, q: Name, k: Name, v: Name) -> tuple[Name, None]:
    """Add the lines of a head in which every word sees all words, as in an encoder."""
    qk = c.line(f"QK.{h}", times_transposed, q, k)
    s = c.line(f"S.{h}", divide_by_root, qk, "d_k")
    a = c.line(f"A.{h}", probabilities, s)
    return c.line(f"O.{h}", times, a, v), None


def relu_rows(h: Matrix) -> Matrix:
    """G[t][f] = max(H[t][f], 0)."""
    return map_numbers(relu, h)
