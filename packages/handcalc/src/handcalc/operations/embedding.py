"""A row of numbers for each token, and one for each place in the text, added up.

X[t] = token[tokens[t]] + position[t]    (Vaswani et al. 2017, sections 3.4 and 3.5)
"""

from handcalc.operations.loss import Tokens
from handcalc.operations.matrices import Matrix, plus


def embedded(token: Matrix, position: Matrix, tokens: Tokens) -> Matrix:
    """X[t] = token[tokens[t]] + position[t]."""
    return [[a + b for a, b in zip(token[id], row)] for id, row in zip(tokens, position)]


def embedded_backward(
    token: Matrix, position: Matrix, tokens: Tokens, x_grad: Matrix
) -> "tuple[Matrix, Matrix]":
    """token.grad[v] = sum of X.grad[t] where tokens[t] = v;    position.grad[t] = X.grad[t].

    Rows that were not used get 0.
    """
    width = len(x_grad[0])
    token_grad = [[0.0] * width for _ in token]
    met: set[int] = set()
    for id, row in zip(tokens, x_grad):
        token_grad[id] = plus([token_grad[id]], [row])[0] if id in met else row
        met.add(id)
    unused = len(position) - len(tokens)
    return token_grad, x_grad + [[0.0] * width for _ in range(unused)]
