"""How many numbers a model has, from its sizes alone, and how many an optimizer adds.

The counts hold for the model of these chapters and for the GPT family. There are two differences:
a GPT has an offset after every product and gives its token table to the head, while ours has
offsets in the feed-forward layer only and a head of its own.
"""

from typing import NamedTuple

from handcalc.model.blocks import BLOCKS
from handcalc.model.weights import Shape


def counted(shape: Shape, block: str) -> dict[str, int]:
    """The numbers in each kind of weight of our model; a norm has a gain and an offset a column."""
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
        "gamma, beta": 2 * d * len(BLOCKS[block].norms),
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


def gpt_counted(sizes: GPTSizes) -> dict[str, int]:
    """The numbers in each kind of weight of a GPT; the token table is the head as well."""
    n_layers, d = sizes.n_layers, sizes.d_model
    return {
        "token": sizes.vocab_size * d,
        "position": sizes.context * d,
        "attention": n_layers * attention_of_a_layer(d),
        "offsets of attention": n_layers * 4 * d,
        "feed-forward": n_layers * 2 * d * 4 * d,
        "offsets of feed-forward": n_layers * (4 * d + d),
        "gamma, beta": (2 * n_layers + 1) * 2 * d,
    }


def attention_of_a_layer(d_model: int) -> int:
    """W_Q, W_K, W_V and W_O, whatever the number of heads: 4 d^2."""
    return 4 * d_model * d_model


def adam_state(n_parameters: int) -> int:
    """Adam and AdamW keep two numbers for each weight, m and v."""
    return 2 * n_parameters
