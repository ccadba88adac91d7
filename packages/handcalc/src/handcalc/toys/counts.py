"""The number of parameters of a model, computed from its sizes, and what an optimizer adds.

For the model of these chapters and for the GPT family. They differ in two ways: a GPT has offsets
after every product and shares its token table with the head; ours has offsets in the feed-forward
layer only and a separate head.
"""

from typing import NamedTuple

from handcalc.model.transformer import NORMS
from handcalc.model.weights import Shape


def parameter_counts(shape: Shape, block: str) -> dict[str, int]:
    """Return the number of parameters of our model by kind of weight."""
    d, d_ff = shape.d_model, shape.d_ff
    return {
        "token": shape.vocab_size * d,
        "position": shape.n_positions * d,
        "W_Q, W_K, W_V": 3 * d * d,
        "W_O": d * d,
        "W_1": d_ff * d,
        "b_1": d_ff,
        "W_2": d * d_ff,
        "b_2": d,
        "gamma, beta": 2 * d * len(NORMS[block]),
        "head": shape.vocab_size * d,
    }


class GPTSizes(NamedTuple):
    """The sizes of a GPT; its feed-forward layers are four times as wide as its rows."""

    n_layers: int
    d_model: int
    vocab_size: int
    context: int


GPT2_SMALL = GPTSizes(n_layers=12, d_model=768, vocab_size=50_257, context=1024)
"""Radford et al. 2019, table 2."""
GPT3 = GPTSizes(n_layers=96, d_model=12_288, vocab_size=50_257, context=2048)
"""Brown et al. 2020, table 2.1; the vocabulary is that of GPT-2."""


def gpt_parameter_counts(sizes: GPTSizes) -> dict[str, int]:
    """Return the number of parameters of a GPT by kind of weight; the token table is also the head.

    Attention has 4 d^2 weights per layer (W_Q, W_K, W_V and W_O), for any number of heads.
    """
    n_layers, d = sizes.n_layers, sizes.d_model
    return {
        "token": sizes.vocab_size * d,
        "position": sizes.context * d,
        "attention": n_layers * 4 * d * d,
        "offsets of attention": n_layers * 4 * d,
        "feed-forward": n_layers * 2 * d * 4 * d,
        "offsets of feed-forward": n_layers * (4 * d + d),
        "gamma, beta": (2 * n_layers + 1) * 2 * d,
    }
