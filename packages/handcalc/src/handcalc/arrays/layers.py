"""What all models are made of: matrices, tables, LayerNorm, and layers on top of each other."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Tokens: TypeAlias = npt.NDArray[np.int64]
Result = TypeVar("Result")
Back: TypeAlias = Callable[[Array], Result]
"""From the gradient of the loss at a result to those at what it was made of."""

EPSILON = 1e-5  # keeps LayerNorm from dividing by zero


def linear(x: Array, w: Array) -> tuple[Array, Back[tuple[Array, Array]]]:
    """Every row times a matrix: y = x W^T.

    x is B T I, W is O I, y is B T O.
    """

    def back(y_grad: Array) -> tuple[Array, Array]:
        # x.grad = y.grad W,  W.grad = sum over b and t of y.grad x^T
        return y_grad @ w, np.einsum("BTO, BTI -> OI", y_grad, x)

    return x @ w.T, back


def affine(x: Array, w: Array, b: Array) -> tuple[Array, Back[tuple[Array, Array, Array]]]:
    """The same plus an offset: y = x W^T + b, where b has O numbers."""
    y, linear_back = linear(x, w)

    def back(y_grad: Array) -> tuple[Array, Array, Array]:
        # b reaches every row: b.grad = sum over b and t of y.grad
        return *linear_back(y_grad), y_grad.sum(axis=(0, 1))

    return y + b, back


def embedding(tokens: Tokens, table: Array) -> tuple[Array, Back[Array]]:
    """A row for each token: x[b, t] = table[tokens[b, t]].

    Tokens are B T, the table is V D, x is B T D.
    """

    def back(x_grad: Array) -> Array:
        # table.grad[v] = sum of x.grad[b, t] where tokens[b, t] = v
        table_grad = np.zeros_like(table)
        np.add.at(table_grad, tokens, x_grad)
        return table_grad

    return table[tokens], back


class Norm(NamedTuple):
    """The weights of a LayerNorm."""

    gamma: Array
    """Gains, D."""
    beta: Array
    """Offsets, D."""


def layer_norm(x: Array, w: Norm) -> tuple[Array, Back[tuple[Array, Norm]]]:
    """Each row at mean 0 and variance 1, then gains and offsets (Ba et al. 2016, eq. 3 and 4).

    y = gamma z + beta,  z = (x - mean) / std,  std = sqrt(variance + epsilon);  x is B T D.
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    z = centred / std

    def back(y_grad: Array) -> tuple[Array, Norm]:
        # gamma.grad = sum over b and t of y.grad z,  beta.grad = sum over b and t of y.grad
        w_grad = Norm((y_grad * z).sum(axis=(0, 1)), y_grad.sum(axis=(0, 1)))
        # x.grad = (z.grad - mean of z.grad - z mean of (z.grad z)) / std
        z_grad = y_grad * w.gamma
        moved = z_grad.mean(axis=-1, keepdims=True)
        stretched = (z_grad * z).mean(axis=-1, keepdims=True)
        return (z_grad - moved - z * stretched) / std, w_grad

    return w.gamma * z + w.beta, back


State = TypeVar("State")
Weights = TypeVar("Weights")


def stack(
    x: State,
    weights: Iterable[Weights],
    layer: Callable[[State, Weights], tuple[State, Callable[[State], tuple[State, Weights]]]],
) -> tuple[State, Callable[[State], tuple[State, tuple[Weights, ...]]]]:
    """One layer after another, each with its own weights: x <- layer(x, w)."""
    backs: list[Callable[[State], tuple[State, Weights]]] = []
    for w in weights:
        x, layer_back = layer(x, w)
        backs.append(layer_back)

    def back(x_grad: State) -> tuple[State, tuple[Weights, ...]]:
        # the last layer first
        w_grads: list[Weights] = []
        for layer_back in reversed(backs):
            x_grad, w_grad = layer_back(x_grad)
            w_grads.append(w_grad)
        return x_grad, tuple(reversed(w_grads))

    return x, back
