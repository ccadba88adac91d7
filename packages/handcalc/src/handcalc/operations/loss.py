"""How surprised the model is by what comes next, and the gradient with which all others begin.

p[t] = softmax(logits[t]),    losses[t] = -ln p[t][target],    loss = sum of losses / n

Targets are token ids, one for each of the first n positions; later positions have none. Losses are
in nats; e^loss is the perplexity.
"""

from handcalc.operations.attention import softmax
from handcalc.operations.layer_norm import mean
from handcalc.operations.matrices import Matrix, Vector
from handcalc.operations.scalars import exp, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Tokens: "TypeAlias" = "list[int]"


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


def loss(losses: Vector) -> float:
    """The mean of losses: sum over t of losses[t] / n."""
    return mean(losses)


def loss_backward(p: Matrix, targets: Tokens) -> Matrix:
    """logits.grad[t][v] = (p[t][v] - [v is the target]) / n, and 0 where there is no target."""
    n = len(targets)
    return [
        [(share - 1.0 if v == target else share) / n for v, share in enumerate(row)]
        for row, target in zip(p, targets)
    ] + [[0.0] * len(row) for row in p[n:]]
