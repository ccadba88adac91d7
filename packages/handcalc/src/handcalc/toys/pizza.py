"""A forward pass for a pencil: "I love pizza", rows of six numbers, two heads of three.

The block is that of Vaswani et al. 2017, section 3.1: a norm follows each of its two layers, the
feed-forward layer bends with a ReLU (eq. 2), and the head is tied to the embeddings (section 3.4).

Departures, all to save the pencil work. Each head reads its own three entries of a row, where a
real one reads all six. The positions are rounded to two decimals. Embeddings are not multiplied by
sqrt(D). What nobody gave by hand is drawn from a seed, and rounded to one decimal.
"""

import random
from collections.abc import Callable
from typing import Any

from handcalc.model.calculation import Calculation
from handcalc.model.parts import affine, norm
from handcalc.model.step import EPSILON
from handcalc.operations.activations import relu
from handcalc.operations.attention import attention_weights, gathered, scaled_scores, softmax
from handcalc.operations.embedding import embedded
from handcalc.operations.loss import probabilities
from handcalc.operations.matrices import (
    Matrix,
    each,
    plus,
    side_by_side,
    split,
    times,
    times_transposed,
)
from handcalc.toys.sinusoids import sinusoids

SENTENCE = "I love pizza"
WORDS = ["I", "love", "pizza"]
D_MODEL, N_HEADS, D_FF = 6, 2, 24
D_HEAD = D_MODEL // N_HEADS
SEED = 42

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
    """Those given by hand, the positions, and the rest in the order in which it is drawn."""
    draws = random.Random(SEED)
    sizes = {f"W_{letter}.1": (D_HEAD, D_HEAD) for letter in "QKV"}
    sizes |= {"W_1": (D_FF, D_MODEL), "b_1": (D_FF,), "W_2": (D_MODEL, D_FF), "b_2": (D_MODEL,)}
    weights: dict[str, Any] = dict(BY_HAND)
    weights["position"] = each(lambda x: round(x, 2), sinusoids(len(WORDS), D_MODEL))
    weights |= {name: tenths(draws, *size) for name, size in sizes.items()}
    for n in (".0", ".1"):
        weights |= {f"gamma{n}": [1.0] * D_MODEL, f"beta{n}": [0.0] * D_MODEL}
    return weights


def tenths(draws: random.Random, n: int, *rest: int) -> Any:
    """A vector of n draws from N(0, 0.3^2), rounded to one decimal, or a matrix of n rows."""
    if rest:
        return [tenths(draws, *rest) for _ in range(n)]
    return [round(draws.gauss(0, 0.3), 1) + 0.0 for _ in range(n)]  # + 0.0: no minus zero


def walk(weights: dict[str, Any], head: Callable[[Calculation, int], None]) -> Calculation:
    """The lines from the three words to the logits; `head` is `causal` or `all_seeing`."""
    c = Calculation(weights)
    c.given("tokens", [WORDS.index(word) for word in SENTENCE.split()])
    c.given("n_heads", N_HEADS)
    c.given("d_k", float(D_HEAD))
    c.given("epsilon", EPSILON)
    c.line("X", embedded, "token", "position", "tokens")
    attention(c, head)
    c.line("R.0", plus, "X", "M")
    norm(c, "R.0", ".0")
    feed_forward(c)
    c.line("R.1", plus, "N.0", "F")
    norm(c, "R.1", ".1")
    c.line("logits", times_transposed, "N.1", "token")
    c.line("probabilities", probabilities, "logits")
    return c


def attention(c: Calculation, head: Callable[[Calculation, int], None]) -> None:
    """M = (O of both heads, side by side) W_O^T; head h reads the h-th half of each row of X."""
    c.line("X.0 X.1", split, "X", "n_heads")
    for h in range(N_HEADS):
        for letter in "QKV":
            c.line(f"{letter}.{h}", times, f"X.{h}", f"W_{letter}.{h}")
        c.line(f"QK.{h}", times_transposed, f"Q.{h}", f"K.{h}")
        head(c, h)
    c.line("C", side_by_side, "O.0", "O.1")
    c.line("M", times_transposed, "C", "W_O")


def causal(c: Calculation, h: int) -> None:
    """A word sees itself and the words before, as in a model that writes."""
    c.line(f"S.{h}", scaled_scores, f"QK.{h}", "d_k")
    c.line(f"A.{h}", attention_weights, f"S.{h}")
    c.line(f"O.{h}", gathered, f"A.{h}", f"V.{h}")


def all_seeing(c: Calculation, h: int) -> None:
    """Every word sees all words, as in an encoder, which reads a text that is already there."""
    c.line(f"S.{h}", all_scaled_scores, f"QK.{h}", "d_k")
    c.line(f"A.{h}", all_attention_weights, f"S.{h}")
    c.line(f"O.{h}", times, f"A.{h}", f"V.{h}")


def all_scaled_scores(qk: Matrix, d_k: float) -> Matrix:
    """S[t][s] = QK[t][s] / sqrt(d_k), for all s."""
    return [[score / d_k**0.5 for score in row] for row in qk]


def all_attention_weights(s: Matrix) -> Matrix:
    """A[t] = softmax of S[t]."""
    return [softmax(row) for row in s]


def feed_forward(c: Calculation) -> None:
    """F = ReLU(N.0 W_1^T + b_1) W_2^T + b_2    (Vaswani et al. 2017, eq. 2)."""
    c.line("H", affine, "N.0", "W_1", "b_1")
    c.line("G", relu_rows, "H")
    c.line("F", affine, "G", "W_2", "b_2")


def relu_rows(h: Matrix) -> Matrix:
    """G[t][f] = max(H[t][f], 0)."""
    return each(relu, h)
