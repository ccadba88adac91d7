"""The transformer as it was published: one stack reads a text, another writes its translation.

Vaswani et al. 2017, section 3 and figure 1. One table embeds both texts and scores the next token
(section 3.4). Departure from the paper: no dropout.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from handcalc.arrays.attention import Mask
from handcalc.arrays.layers import Array, Back, Tokens, embedding, linear, stack
from handcalc.arrays.positions import Added
from handcalc.arrays.post_norm import DecoderBlock, EncoderBlock, decoder_block, encoder_block


class EncoderDecoder(NamedTuple):
    """All weights."""

    token: Array
    """V D; for the source, for the target, and for the scores."""
    encoder: tuple[EncoderBlock, ...]
    decoder: tuple[DecoderBlock, ...]


def embedded(tokens: Tokens, table: Array, added: Added) -> tuple[Array, Back[Array]]:
    """The rows of a text: sqrt(D) table[tokens] + PE    (sections 3.4 and 3.5)."""
    root = np.sqrt(table.shape[1])
    x, embedding_back = embedding(tokens, table)
    rows = added(tokens.shape[1], table.shape[1])
    return root * x + rows, lambda x_grad: embedding_back(root * x_grad)


def encoder_decoder(
    source: Tokens,
    target: Tokens,
    w: EncoderDecoder,
    source_mask: Mask,
    target_mask: Mask,
    added: Added,
) -> tuple[Array, Back[EncoderDecoder]]:
    """Logits, B T V: logits[:, t] score the target token at t + 1, given the source, B S.

    The masks say which keys count: B 1 S, and T T or B T T. `added` is `sinusoids` or `no_rows`.
    """
    x, source_back = embedded(source, w.token, added)
    y, target_back = embedded(target, w.token, added)
    memory, encoder_back = stack(x, w.encoder, partial(encoder_block, mask=source_mask))
    layer = partial(decoder_block, mask=target_mask, memory_mask=source_mask)
    (n, _), decoder_back = stack((y, memory), w.decoder, layer)
    logits, head_back = linear(n, w.token)

    def back(logits_grad: Array) -> EncoderDecoder:
        n_grad, by_head = head_back(logits_grad)
        (y_grad, memory_grad), decoder = decoder_back((n_grad, np.zeros_like(memory)))
        x_grad, encoder = encoder_back(memory_grad)
        # one table, used in three places
        token = source_back(x_grad) + target_back(y_grad) + by_head
        return EncoderDecoder(token, encoder, decoder)

    return logits, back
