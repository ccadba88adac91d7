"""Four ways to put attention, feed-forward layer, residuals and norms together.

M is what attention gives, F what the feed-forward layer gives, LN a norm, N its rows::

    classic    N = LN(M + F),  M = attention(X),  F = feed-forward(M)
    residual   N = LN(X + M + F)
    post-ln    N.1 = LN(N.0 + F),  N.0 = LN(X + M)           (Vaswani et al. 2017, section 3.1)
    pre-ln     N.2 = LN(R.1),  R.1 = R.0 + feed-forward(N.1),  N.1 = LN(R.0),
               R.0 = X + attention(N.0),  N.0 = LN(X)        (Radford et al. 2019, section 2.3)

`classic` leaves X out of its only residual: a simplification of the lesson that its numbers come
from, kept because readers know them. `pre-ln` is the block of GPT-2 and of nearly all that came
after; its last norm stands before the head.

Each comes as a pair of functions. One adds the lines from X, the embedded text, to the rows that
the head reads; its twin adds those of the gradients, from there back to X.grad.
"""

from handcalc.model.calculation import Calculation
from handcalc.model.parts import (
    attention,
    attention_backward,
    feed_forward,
    feed_forward_backward,
    norm,
    norm_backward,
)
from handcalc.operations.matrices import plus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Lines = Callable[[Calculation], None]


def classic(c: Calculation) -> None:
    """N = LN(M + F)."""
    attention(c, "X")
    feed_forward(c, "M")
    c.line("R", plus, "M", "F")
    norm(c, "R", "")


def classic_backward(c: Calculation) -> None:
    """R is M + F, so its gradient is that of both; M reaches R by F as well."""
    norm_backward(c, "R", "")
    feed_forward_backward(c, "M", "R.grad", "R.grad")
    attention_backward(c, "X", "M.grad")


def residual(c: Calculation) -> None:
    """N = LN(X + M + F)."""
    attention(c, "X")
    feed_forward(c, "M")
    c.line("R", plus, "X", "M", "F")
    norm(c, "R", "")


def residual_backward(c: Calculation) -> None:
    """X reaches R by itself, and by attention."""
    norm_backward(c, "R", "")
    feed_forward_backward(c, "M", "R.grad", "R.grad")
    attention_backward(c, "X", "M.grad", "R.grad")


def post_ln(c: Calculation) -> None:
    """N.1 = LN(N.0 + F), N.0 = LN(X + M)."""
    attention(c, "X")
    c.line("R.0", plus, "X", "M")
    norm(c, "R.0", ".0")
    feed_forward(c, "N.0")
    c.line("R.1", plus, "N.0", "F")
    norm(c, "R.1", ".1")


def post_ln_backward(c: Calculation) -> None:
    """Around each layer its input goes straight on: one more way for the gradient."""
    norm_backward(c, "R.1", ".1")
    feed_forward_backward(c, "N.0", "R.1.grad", "R.1.grad")
    norm_backward(c, "R.0", ".0")
    attention_backward(c, "X", "R.0.grad", "R.0.grad")


def pre_ln(c: Calculation) -> None:
    """N.2 = LN(R.1), R.1 = R.0 + F, R.0 = X + M; both layers read normalised rows."""
    norm(c, "X", ".0")
    attention(c, "N.0")
    c.line("R.0", plus, "X", "M")
    norm(c, "R.0", ".1")
    feed_forward(c, "N.1")
    c.line("R.1", plus, "R.0", "F")
    norm(c, "R.1", ".2")


def pre_ln_backward(c: Calculation) -> None:
    """The gradient goes past both layers and both norms untouched, and what they add joins it."""
    norm_backward(c, "R.1", ".2")
    feed_forward_backward(c, "N.1", "R.1.grad")
    norm_backward(c, "R.0", ".1", "R.1.grad")
    attention_backward(c, "N.0", "R.0.grad")
    norm_backward(c, "X", ".0", "R.0.grad")


class Block:
    """A pair of functions, and what is written behind the names of its norms, last at the head."""

    def __init__(self, forward: "Lines", backward: "Lines", norms: "tuple[str, ...]") -> None:
        self.forward = forward
        self.backward = backward
        self.norms = norms


BLOCKS = {
    "classic": Block(classic, classic_backward, ("",)),
    "residual": Block(residual, residual_backward, ("",)),
    "post-ln": Block(post_ln, post_ln_backward, (".0", ".1")),
    "pre-ln": Block(pre_ln, pre_ln_backward, (".0", ".1", ".2")),
}
