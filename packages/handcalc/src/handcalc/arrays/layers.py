"""The layers that all models share: products with a matrix, embedding, LayerNorm, and stacking."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Tokens: TypeAlias = npt.NDArray[np.int64]
Result = TypeVar("Result")
Backward: TypeAlias = Callable[[Array], Result]
"""From the gradient of the loss at a result to the gradients at its inputs."""

EPSILON = 1e-5  # keeps LayerNorm from dividing by zero


def linear(x: Array, w: Array) -> tuple[Array, Backward[tuple[Array, Array]]]:
    """Return y = x W^T.

    x is B T I, W is O I, y is B T O.
    """
    # x.grad = y.grad W,  W.grad = sum over b and t of y.grad x^T
    return x @ w.T, lambda y_grad: (y_grad @ w, np.einsum("BTO, BTI -> OI", y_grad, x))


def affine(x: Array, w: Array, b: Array) -> tuple[Array, Backward[tuple[Array, Array, Array]]]:
    """Return y = x W^T + b, where b has O numbers."""
    y, linear_back = linear(x, w)
    # b reaches every row: b.grad = sum over b and t of y.grad
    return y + b, lambda y_grad: (*linear_back(y_grad), y_grad.sum(axis=(0, 1)))


def embedding(tokens: Tokens, table: Array) -> tuple[Array, Backward[Array]]:
    """x[b, t] = table[tokens[b, t]].

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


def layer_norm(x: Array, w: Norm) -> tuple[Array, Backward[tuple[Array, Norm]]]:
    """Return y = gamma z + beta,  z = (x - mean) / std,  std = sqrt(variance + epsilon).

    x is B T D (Ba, Kiros and Hinton 2016, eq. 3 and 4).
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    z = centred / std

    def back(y_grad: Array) -> tuple[Array, Norm]:
        # gamma.grad = sum over b and t of y.grad z,  beta.grad = sum over b and t of y.grad
        w_grad = Norm((y_grad * z).sum(axis=(0, 1)), y_grad.sum(axis=(0, 1)))
        # x.grad = (z.grad - mean of z.grad - z mean of (z.grad z)) / std
        z_grad = y_grad * w.gamma
        by_mean = z_grad.mean(axis=-1, keepdims=True)
        by_variance = (z_grad * z).mean(axis=-1, keepdims=True)
        return (z_grad - by_mean - z * by_variance) / std, w_grad

    return w.gamma * z + w.beta, back


Rows = TypeVar("Rows")
LayerWeights = TypeVar("LayerWeights")


def stack(
    x: Rows,
    weights: Iterable[LayerWeights],
    layer: Callable[[Rows, LayerWeights], tuple[Rows, Callable[[Rows], tuple[Rows, LayerWeights]]]],
) -> tuple[Rows, Callable[[Rows], tuple[Rows, tuple[LayerWeights, ...]]]]:
    """Apply layers one after another, each with its own weights: x <- layer(x, w).

    `layer` returns its result and its `back`; the `back` of the stack returns the gradients of x
    and of the weights of every layer, from first to last.
    """
    backs: list[Callable[[Rows], tuple[Rows, LayerWeights]]] = []
    for w in weights:
        x, layer_back = layer(x, w)
        backs.append(layer_back)

    def back(x_grad: Rows) -> tuple[Rows, tuple[LayerWeights, ...]]:
        # the last layer first
        w_grads: list[LayerWeights] = []
        for layer_back in reversed(backs):
            x_grad, w_grad = layer_back(x_grad)
            w_grads.append(w_grad)
        return x_grad, tuple(reversed(w_grads))

    return x, back
