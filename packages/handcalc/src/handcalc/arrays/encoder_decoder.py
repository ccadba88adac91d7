"""The encoder-decoder of the first paper: one stack reads a text, another generates a translation.

Vaswani et al. 2017, section 3 and figure 1. One table embeds both texts and scores the next token
(section 3.4). Departure from the paper: no dropout.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from handcalc.arrays.attention import Mask
from handcalc.arrays.layers import Array, Backward, Tokens, embedding, linear, stack
from handcalc.arrays.positions import PositionRows
from handcalc.arrays.post_norm import DecoderBlock, EncoderBlock, decoder_block, encoder_block


class EncoderDecoder(NamedTuple):
    """All weights of an encoder-decoder."""

    token: Array
    """V D; embeds source and target, and is the head."""
    encoder: tuple[EncoderBlock, ...]
    decoder: tuple[DecoderBlock, ...]


def embed_text(tokens: Tokens, table: Array, rows: PositionRows) -> tuple[Array, Backward[Array]]:
    """Return x = sqrt(D) table[tokens] + PE    (sections 3.4 and 3.5)."""
    root = np.sqrt(table.shape[1])
    x, embedding_back = embedding(tokens, table)
    return root * x + rows(*x.shape[1:]), lambda x_grad: embedding_back(root * x_grad)


def encoder_decoder(
    source: Tokens,
    target: Tokens,
    w: EncoderDecoder,
    source_mask: Mask,
    target_mask: Mask,
    rows: PositionRows,
) -> tuple[Array, Backward[EncoderDecoder]]:
    """Return logits, B T V: logits[:, t] score the target token at t + 1, given the source, B S.

    The masks are B 1 S for the source, and T T or B T T for the target. `rows` is a
    function such as `sinusoids`.
    """
    x, source_back = embed_text(source, w.token, rows)
    y, target_back = embed_text(target, w.token, rows)
    memory, encoder_back = stack(x, w.encoder, partial(encoder_block, mask=source_mask))
    layer = partial(decoder_block, mask=target_mask, memory_mask=source_mask)
    (n, _), decoder_back = stack((y, memory), w.decoder, layer)
    logits, head_back = linear(n, w.token)

    def back(logits_grad: Array) -> EncoderDecoder:
        n_grad, by_head = head_back(logits_grad)
        (y_grad, memory_grad), decoder = decoder_back((n_grad, np.zeros_like(memory)))
        x_grad, encoder = encoder_back(memory_grad)
        # the table is used in three places, so its gradients add up
        token = source_back(x_grad) + target_back(y_grad) + by_head
        return EncoderDecoder(token, encoder, decoder)

    return logits, back
