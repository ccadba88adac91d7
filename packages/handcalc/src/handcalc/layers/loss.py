"""The head and the cross-entropy loss: the first link of the backward pass.

p[t] = softmax(logits[t]),    losses[t] = -ln p[t][target],    loss = sum of losses / n

There is one target, a token id, for each of the first n positions; later positions have none.
Losses are in nats; e^loss is the perplexity. The array version is `arrays/loss.py`.
"""

from handcalc.calculation import (
    TYPE_CHECKING,
    Calculation,
    Matrix,
    Name,
    Tokens,
    Vector,
    exp,
    log,
    times,
    times_transposed,
    transposed_times,
)
from handcalc.layers.attention import softmax
from handcalc.layers.layer_norm import mean

if TYPE_CHECKING:
    from collections.abc import Callable


def probabilities(logits: Matrix) -> Matrix:
    """p[t] = softmax of logits[t]."""
    return [softmax(row) for row in logits]


def losses(logits: Matrix, targets: Tokens) -> Vector:
    """-ln p[target] = ln(sum over v of e^(l[v] - m)) - (l[target] - m), m the largest logit."""
    found: list[float] = []
    for row, target in zip(logits, targets):
        largest = max(row)
        powers = [exp(logit - largest) for logit in row]
        total = powers[0]
        for power in powers[1:]:
            total = total + power
        found.append(log(total) - (row[target] - largest))
    return found


def loss_backward(p: Matrix, targets: Tokens) -> Matrix:
    """logits.grad[t][v] = (p[t][v] - [v is the target]) / n, and 0 where there is no target."""
    n = len(targets)
    return [
        [(each - 1.0 if v == target else each) / n for v, each in enumerate(row)]
        for row, target in zip(p, targets)
    ] + [[0.0] * len(row) for row in p[n:]]


def head(c: Calculation, n: Name) -> "tuple[Name, Name, Callable[[Name], Name]]":
    """Add the lines of logits = n head^T and their softmax; `back` returns n.grad."""
    logits = c.line("logits", times_transposed, n, "head")
    p = c.line("probabilities", probabilities, logits)

    def back(logits_grad: Name) -> Name:
        c.line("head.grad", transposed_times, logits_grad, n)
        return c.line(n + ".grad", times, logits_grad, "head")

    return logits, p, back


def cross_entropy(c: Calculation, logits: Name, p: Name, targets: Tokens) -> "Callable[[], Name]":
    """Add the lines of the loss; return the function that adds the line of logits.grad."""
    c.values["targets"] = targets
    c.line("loss", mean, c.line("losses", losses, logits, "targets"))
    return lambda: c.line(logits + ".grad", loss_backward, p, "targets")
