"""A step of training: from token ids forward to the loss, and back to the gradient of every weight.

The tensors of the weights are called token, position, W_Q.0, W_Q.1, ... (one for each head), W_K.0,
W_V.0, W_O, W_1, b_1, W_2, b_2, head, and gamma, beta or gamma.0, beta.0, ... W_Q, W_K and W_V are
stored as inputs x outputs, every other matrix as outputs x inputs.
"""

from handcalc.model.blocks import BLOCKS
from handcalc.model.calculation import Calculation
from handcalc.operations.embedding import embedded, embedded_backward
from handcalc.operations.loss import Tokens, loss, loss_backward, losses, probabilities
from handcalc.operations.matrices import times, times_transposed, transposed_times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EPSILON = 1e-5  # keeps LayerNorm from dividing by zero


def reading(weights: "dict[str, Any]", tokens: Tokens, block: str) -> Calculation:
    """The lines from the text to the probabilities of what comes next.

    Raises:
        ValueError: the text is longer than the positions.
    """
    if len(tokens) > len(weights["position"]):
        raise ValueError(f"{len(tokens)} tokens, and {len(weights['position'])} positions")
    c = Calculation(weights)
    c.given("tokens", tokens)
    c.given("n_heads", len([name for name in weights if name.startswith("W_Q.")]))
    c.given("d_k", float(len(weights["W_Q.0"][0])))
    c.given("epsilon", EPSILON)
    c.line("X", embedded, "token", "position", "tokens")
    BLOCKS[block].forward(c)
    c.line("logits", times_transposed, "N" + BLOCKS[block].norms[-1], "head")
    c.line("probabilities", probabilities, "logits")
    return c


def forward(weights: "dict[str, Any]", tokens: Tokens, targets: Tokens, block: str) -> Calculation:
    """The lines from the text to the loss (nats)."""
    c = reading(weights, tokens, block)
    c.given("targets", targets)
    c.line("losses", losses, "logits", "targets")
    c.line("loss", loss, "losses")
    return c


def backward(c: Calculation, block: str) -> None:
    """The lines from the loss back to the gradient of every weight, named like it with `.grad`."""
    last = "N" + BLOCKS[block].norms[-1]
    c.line("logits.grad", loss_backward, "probabilities", "targets")
    c.line("head.grad", transposed_times, "logits.grad", last)
    c.line(last + ".grad", times, "logits.grad", "head")
    BLOCKS[block].backward(c)
    c.line("token.grad position.grad", embedded_backward, "token", "position", "tokens", "X.grad")
