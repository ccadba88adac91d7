"""A transformer of one block: forward pass, loss and backward pass, for four kinds of block.

M is the result of attention, F that of the feed-forward layer, LN a norm, and N its rows::

    classic    N = LN(M + F),  M = attention(X),  F = feed-forward(M)
    residual   N = LN(X + M + F)
    post-ln    N.1 = LN(N.0 + F),  N.0 = LN(X + M)           (Vaswani et al. 2017, section 3.1)
    pre-ln     N.2 = LN(R.1),  R.1 = R.0 + feed-forward(N.1),  N.1 = LN(R.0),
               R.0 = X + attention(N.0),  N.0 = LN(X)        (Radford et al. 2019, section 2.3)

`classic` leaves X out of its only residual. This is a simplification of the tutorial that its
numbers come from, kept because readers know them. `pre-ln` is the block of GPT-2 and of nearly all
later models; its last norm comes before the head.

A block adds the lines from X, the embedded text, to the rows that the head reads. It returns the
name of those rows and `back`, which adds the lines of the gradients, down to X.grad. The array
version is `arrays/gpt.py`.

Weights are called token, position, W_Q.0, W_Q.1, ... (one for each head), W_K.0, W_V.0, W_O, W_1,
b_1, W_2, b_2, head, and gamma, beta or gamma.0, beta.0, ... W_Q, W_K and W_V are stored as inputs x
outputs, every other matrix as outputs x inputs.
"""

from handcalc.calculation import TYPE_CHECKING, Calculation, Name, Tokens, plus
from handcalc.layers.attention import multi_head_attention
from handcalc.layers.embedding import embedding
from handcalc.layers.feed_forward import feed_forward
from handcalc.layers.layer_norm import EPSILON, layer_norm
from handcalc.layers.loss import cross_entropy, head

if TYPE_CHECKING:
    from typing import Any

    from handcalc.calculation import Back


def classic(c: Calculation, x: Name) -> "tuple[Name, Back]":
    """N = LN(M + F)."""
    m, attention_back = multi_head_attention(c, x)
    f, feed_forward_back = feed_forward(c, m)
    n, norm_back = layer_norm(c, c.line("R", plus, m, f), "")

    def back(n_grad: Name) -> Name:
        # R = M + F hands its gradient to both; M also reaches R through F
        r_grad = norm_back(n_grad)
        m_grad = feed_forward_back(r_grad, r_grad)
        return attention_back(m_grad)

    return n, back


def residual(c: Calculation, x: Name) -> "tuple[Name, Back]":
    """N = LN(X + M + F)."""
    m, attention_back = multi_head_attention(c, x)
    f, feed_forward_back = feed_forward(c, m)
    n, norm_back = layer_norm(c, c.line("R", plus, x, m, f), "")

    def back(n_grad: Name) -> Name:
        # X reaches R directly and through attention
        r_grad = norm_back(n_grad)
        m_grad = feed_forward_back(r_grad, r_grad)
        return attention_back(m_grad, r_grad)

    return n, back


def post_ln(c: Calculation, x: Name) -> "tuple[Name, Back]":
    """N.1 = LN(N.0 + F), N.0 = LN(X + M)."""
    m, attention_back = multi_head_attention(c, x)
    n0, norm_0_back = layer_norm(c, c.line("R.0", plus, x, m), ".0")
    f, feed_forward_back = feed_forward(c, n0)
    n1, norm_1_back = layer_norm(c, c.line("R.1", plus, n0, f), ".1")

    def back(n1_grad: Name) -> Name:
        # the input of each layer also goes around it: one more path for the gradient
        r1_grad = norm_1_back(n1_grad)
        n0_grad = feed_forward_back(r1_grad, r1_grad)
        r0_grad = norm_0_back(n0_grad)
        return attention_back(r0_grad, r0_grad)

    return n1, back


def pre_ln(c: Calculation, x: Name) -> "tuple[Name, Back]":
    """N.2 = LN(R.1), R.1 = R.0 + F, R.0 = X + M; both layers read normalised rows."""
    n0, norm_0_back = layer_norm(c, x, ".0")
    m, attention_back = multi_head_attention(c, n0)
    r0 = c.line("R.0", plus, x, m)
    n1, norm_1_back = layer_norm(c, r0, ".1")
    f, feed_forward_back = feed_forward(c, n1)
    n2, norm_2_back = layer_norm(c, c.line("R.1", plus, r0, f), ".2")

    def back(n2_grad: Name) -> Name:
        # the gradient passes both layers unchanged, and what they add joins it
        r1_grad = norm_2_back(n2_grad)
        n1_grad = feed_forward_back(r1_grad)
        r0_grad = norm_1_back(n1_grad, r1_grad)
        n0_grad = attention_back(r0_grad)
        return norm_0_back(n0_grad, r0_grad)

    return n2, back


BLOCKS = {"classic": classic, "residual": residual, "post-ln": post_ln, "pre-ln": pre_ln}
NORMS = {"classic": [""], "residual": [""], "post-ln": [".0", ".1"], "pre-ln": [".0", ".1", ".2"]}
"""The suffixes of the names of each block's norms."""

BLOCK_HELP = (
    "classic: attention plus feed-forward layer, then a norm; residual: plus the embedding; "
    "post-ln: a norm after each residual; pre-ln: a norm before each layer, as in GPT-2"
)
"""The four blocks in words, for the options that choose one."""


def text_calculation(weights: "dict[str, Any]", tokens: Tokens) -> Calculation:
    """Return a calculation with the weights, the tokens and the constants, and no lines yet.

    Raises:
        ValueError: the text is longer than the table of positions.
    """
    if len(tokens) > len(weights["position"]):
        raise ValueError(f"{len(tokens)} tokens do not fit {len(weights['position'])} positions")
    c = Calculation(weights)
    c.values["tokens"] = tokens
    c.values["n_heads"] = len([name for name in weights if name.startswith("W_Q.")])
    c.values["d_k"] = float(len(weights["W_Q.0"][0]))
    c.values["epsilon"] = EPSILON
    return c


def predict(weights: "dict[str, Any]", tokens: Tokens, block: str) -> Calculation:
    """Return the calculation from the text to the probabilities of each next token."""
    c = text_calculation(weights, tokens)
    x, _ = embedding(c)
    n, _ = BLOCKS[block](c, x)
    head(c, n)
    return c


def forward(weights: "dict[str, Any]", tokens: Tokens, targets: Tokens, block: str) -> Calculation:
    """Return the calculation from text to loss (nats); its `backward()` adds the gradients."""
    c = text_calculation(weights, tokens)
    x, embedding_back = embedding(c)
    n, block_back = BLOCKS[block](c, x)
    logits, p, head_back = head(c, n)
    loss_back = cross_entropy(c, logits, p, targets)

    def back() -> None:
        logits_grad = loss_back()
        n_grad = head_back(logits_grad)
        x_grad = block_back(n_grad)
        embedding_back(x_grad)

    c.back = back
    return c
