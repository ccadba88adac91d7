"""The blocks of the first transformer, which normalise after each sum.

Every sub-layer's result is LayerNorm(x + sublayer(x))    (Vaswani et al. 2017, section 3.1)

A block of the encoder, which reads, has two sub-layers; a block of the decoder, which writes, has
one more, with queries of its own and keys and values of what was read.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from handcalc.arrays.attention import Mask
from handcalc.arrays.feed_forward import FeedForward, feed_forward, relu
from handcalc.arrays.heads import Heads, multi_head_attention
from handcalc.arrays.layers import Array, Back, Norm, layer_norm


class Attention(NamedTuple):
    """The weights of an attention sub-layer."""

    heads: Heads
    norm: Norm


def attention_sublayer(
    x: Array, y: Array, w: Attention, mask: Mask
) -> tuple[Array, Back[tuple[Array, Array, Attention]]]:
    """LayerNorm(x + m), where m is what the rows x (B T D) take from the rows y (B S D)."""
    m, heads_back = multi_head_attention(x, y, w.heads, mask)
    n, norm_back = layer_norm(x + m, w.norm)

    def back(n_grad: Array) -> tuple[Array, Array, Attention]:
        # x goes two ways: into the heads and past them
        m_grad, norm = norm_back(n_grad)
        x_grad, y_grad, heads = heads_back(m_grad)
        return m_grad + x_grad, y_grad, Attention(heads, norm)

    return n, back


class Mlp(NamedTuple):
    """The weights of a feed-forward sub-layer."""

    layers: FeedForward
    norm: Norm


def mlp_sublayer(x: Array, w: Mlp) -> tuple[Array, Back[tuple[Array, Mlp]]]:
    """LayerNorm(x + FFN(x)); x is B T D."""
    f, layers_back = feed_forward(x, w.layers, relu)
    n, norm_back = layer_norm(x + f, w.norm)

    def back(n_grad: Array) -> tuple[Array, Mlp]:
        f_grad, norm = norm_back(n_grad)
        x_grad, layers = layers_back(f_grad)
        return f_grad + x_grad, Mlp(layers, norm)

    return n, back


class EncoderBlock(NamedTuple):
    """The weights of one block of the stack that reads."""

    attention: Attention
    mlp: Mlp


def encoder_block(
    x: Array, w: EncoderBlock, mask: Mask
) -> tuple[Array, Back[tuple[Array, EncoderBlock]]]:
    """The source looks at itself; x is B S D."""
    n, attention_back = attention_sublayer(x, x, w.attention, mask)
    y, mlp_back = mlp_sublayer(n, w.mlp)

    def back(y_grad: Array) -> tuple[Array, EncoderBlock]:
        n_grad, mlp = mlp_back(y_grad)
        by_queries, by_keys_and_values, attention = attention_back(n_grad)
        return by_queries + by_keys_and_values, EncoderBlock(attention, mlp)

    return y, back


Pair: TypeAlias = tuple[Array, Array]
"""The rows of the target, B T D, and those read of the source, B S D."""


class DecoderBlock(NamedTuple):
    """The weights of one block of the stack that writes."""

    attention: Attention
    cross: Attention
    mlp: Mlp


def decoder_block(
    pair: Pair, w: DecoderBlock, mask: Mask, memory_mask: Mask
) -> tuple[Pair, Callable[[Pair], tuple[Pair, DecoderBlock]]]:
    """The target looks at itself, then at the memory, which is what was read of the source.

    The memory passes unchanged to the next block.
    """
    x, memory = pair
    n, attention_back = attention_sublayer(x, x, w.attention, mask)
    c, cross_back = attention_sublayer(n, memory, w.cross, memory_mask)
    y, mlp_back = mlp_sublayer(c, w.mlp)

    def back(y_and_memory_grad: Pair) -> tuple[Pair, DecoderBlock]:
        y_grad, memory_grad = y_and_memory_grad
        c_grad, mlp = mlp_back(y_grad)
        n_grad, by_cross, cross = cross_back(c_grad)
        by_queries, by_keys_and_values, attention = attention_back(n_grad)
        # the memory goes two ways: to this block and past it
        pair_grad = by_queries + by_keys_and_values, memory_grad + by_cross
        return pair_grad, DecoderBlock(attention, cross, mlp)

    return (y, memory), back
