"""GPT: embed the tokens, pass them through blocks, and score the next token.

x <- x + attention(norm(x)),    x <- x + FFN(norm(x))    (Radford et al. 2019, section 2.3)

The block is pre-norm with GELU, and there is one more norm before the head. Departures from
GPT-2: no biases in attention, no dropout.
"""

from functools import partial
from typing import NamedTuple

from handcalc.arrays.attention import Mask, causal_mask
from handcalc.arrays.feed_forward import FeedForward, feed_forward, gelu
from handcalc.arrays.heads import Heads, multi_head_attention
from handcalc.arrays.layers import (
    Array,
    Backward,
    Norm,
    Tokens,
    embedding,
    layer_norm,
    linear,
    stack,
)
from handcalc.arrays.loss import cross_entropy
from handcalc.arrays.positions import Positions


class Block(NamedTuple):
    """The weights of one pre-norm block."""

    attention_norm: Norm
    attention: Heads
    mlp_norm: Norm
    mlp: FeedForward


def block(
    x: Array, w: Block, mask: Mask, positions: Positions
) -> tuple[Array, Backward[tuple[Array, Block]]]:
    """Return y = r + FFN(norm(r)), r = x + attention(norm(x)); x is B T D."""
    n, attention_norm_back = layer_norm(x, w.attention_norm)
    m, attention_back = multi_head_attention(
        n, n, w.attention, mask, positions.rotation, positions.bias
    )
    r = x + m
    n, mlp_norm_back = layer_norm(r, w.mlp_norm)
    f, mlp_back = feed_forward(n, w.mlp, gelu)

    def back(y_grad: Array) -> tuple[Array, Block]:
        # y = r + f:  r.grad = y.grad + its gradient through f
        n_grad, mlp = mlp_back(y_grad)
        by_f, mlp_norm = mlp_norm_back(n_grad)
        r_grad = y_grad + by_f
        # r = x + m:  x.grad = r.grad + its gradient through m
        by_queries, by_keys_and_values, attention = attention_back(r_grad)
        by_m, attention_norm = attention_norm_back(by_queries + by_keys_and_values)
        return r_grad + by_m, Block(attention_norm, attention, mlp_norm, mlp)

    return r + f, back


class GPT(NamedTuple):
    """All weights except a learned table of positions, which the caller keeps."""

    token: Array
    """V D."""
    blocks: tuple[Block, ...]
    norm: Norm
    head: Array
    """V D; the array `token` itself in a tied model (Press and Wolf 2017).

    The gradient of a tied array is the sum of the gradients of `token` and `head`.
    """


def gpt(tokens: Tokens, w: GPT, positions: Positions) -> tuple[Array, Backward[tuple[GPT, Array]]]:
    """Return logits, B T V, of tokens, B T: logits[:, t] score the token at t + 1.

    `back` returns the gradients of the weights and of `positions.rows`.
    """
    x, embedding_back = embedding(tokens, w.token)
    layer = partial(block, mask=causal_mask(tokens.shape[1]), positions=positions)
    x, blocks_back = stack(x + positions.rows, w.blocks, layer)
    n, norm_back = layer_norm(x, w.norm)
    logits, head_back = linear(n, w.head)

    def back(logits_grad: Array) -> tuple[GPT, Array]:
        n_grad, head = head_back(logits_grad)
        x_grad, norm = norm_back(n_grad)
        x_grad, blocks = blocks_back(x_grad)
        # a row of positions is added to every sequence of the batch, so its gradients add up
        return GPT(embedding_back(x_grad), blocks, norm, head), x_grad.sum(axis=0)

    return logits, back


def gpt_step(
    tokens: Tokens, targets: Tokens, keep: Mask, w: GPT, positions: Positions
) -> tuple[float, GPT, Array]:
    """Return the loss (nats) and its gradients at every weight and at `positions.rows`."""
    logits, gpt_back = gpt(tokens, w, positions)
    loss, loss_back = cross_entropy(logits, targets, keep)
    return loss, *gpt_back(loss_back())
