"""The blocks of the first transformer, with a norm after each residual.

Every sub-layer's result is LayerNorm(x + sublayer(x))    (Vaswani et al. 2017, section 3.1)

A block of the encoder has two sub-layers. A block of the decoder has one more, cross-attention,
with queries from the target and keys and values from the encoder's output.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from handcalc.arrays.attention import Mask
from handcalc.arrays.feed_forward import FeedForward, feed_forward, relu
from handcalc.arrays.heads import Heads, multi_head_attention
from handcalc.arrays.layers import Array, Backward, Norm, layer_norm


class Attention(NamedTuple):
    """The weights of an attention sub-layer."""

    heads: Heads
    norm: Norm


def attention_sublayer(
    x: Array, y: Array, w: Attention, mask: Mask
) -> tuple[Array, Backward[tuple[Array, Array, Attention]]]:
    """LayerNorm(x + m), with m = attention from queries of x (B T D) to keys of y (B S D)."""
    m, heads_back = multi_head_attention(x, y, w.heads, mask)
    n, norm_back = layer_norm(x + m, w.norm)

    def back(n_grad: Array) -> tuple[Array, Array, Attention]:
        # x takes two paths: through the heads and around them
        m_grad, norm = norm_back(n_grad)
        x_grad, y_grad, heads = heads_back(m_grad)
        return m_grad + x_grad, y_grad, Attention(heads, norm)

    return n, back


class Mlp(NamedTuple):
    """The weights of a feed-forward sub-layer."""

    layers: FeedForward
    norm: Norm


def mlp_sublayer(x: Array, w: Mlp) -> tuple[Array, Backward[tuple[Array, Mlp]]]:
    """LayerNorm(x + FFN(x)); x is B T D."""
    f, layers_back = feed_forward(x, w.layers, relu)
    n, norm_back = layer_norm(x + f, w.norm)

    def back(n_grad: Array) -> tuple[Array, Mlp]:
        f_grad, norm = norm_back(n_grad)
        x_grad, layers = layers_back(f_grad)
        return f_grad + x_grad, Mlp(layers, norm)

    return n, back


class EncoderBlock(NamedTuple):
    """The weights of one block of the encoder."""

    attention: Attention
    mlp: Mlp


def encoder_block(
    x: Array, w: EncoderBlock, mask: Mask
) -> tuple[Array, Backward[tuple[Array, EncoderBlock]]]:
    """Self-attention of the source, then the feed-forward layer; x is B S D."""
    n, attention_back = attention_sublayer(x, x, w.attention, mask)
    y, mlp_back = mlp_sublayer(n, w.mlp)

    def back(y_grad: Array) -> tuple[Array, EncoderBlock]:
        n_grad, mlp = mlp_back(y_grad)
        by_queries, by_keys_and_values, attention = attention_back(n_grad)
        return by_queries + by_keys_and_values, EncoderBlock(attention, mlp)

    return y, back


Pair: TypeAlias = tuple[Array, Array]
"""The rows of the target, B T D, and the memory: the encoder's output, B S D."""


class DecoderBlock(NamedTuple):
    """The weights of one block of the decoder."""

    attention: Attention
    cross: Attention
    mlp: Mlp


def decoder_block(
    pair: Pair, w: DecoderBlock, mask: Mask, memory_mask: Mask
) -> tuple[Pair, Callable[[Pair], tuple[Pair, DecoderBlock]]]:
    """Self-attention of the target, cross-attention to the memory, then the feed-forward layer.

    The memory, the encoder's output, passes unchanged to the next block.
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
        # the memory takes two paths: into this block and on to the next
        pair_grad = by_queries + by_keys_and_values, memory_grad + by_cross
        return pair_grad, DecoderBlock(attention, cross, mlp)

    return (y, memory), back
