"""Four ways to move a weight against its gradient.

Each is a function of one vector or matrix, its gradient, and what the optimizer remembers of it,
which is nothing before the first step; steps count from 1. It returns the moved weights and the new
memory.
"""

from handcalc.operations.scalars import sqrt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def each(function: "Any", *tensors: "Any") -> "Any":
    """A function of corresponding numbers of tensors of one shape."""
    if isinstance(tensors[0], list):
        return [each(function, *parts) for parts in zip(*tensors)]
    return function(*tensors)


def zeros(tensor: "Any") -> "Any":
    """A tensor of the same shape, all 0."""
    return each(lambda x: 0.0, tensor)


def sgd(w: "Any", gradient: "Any", memory: "Any", step: int, rate: float = 1e-2) -> "tuple":
    """Straight down: w <- w - rate g    (Robbins and Monro 1951)."""
    return each(lambda w, g: w - rate * g, w, gradient), memory


def momentum(
    w: "Any", gradient: "Any", memory: "Any", step: int, rate: float = 1e-2, share: float = 0.9
) -> "tuple":
    """With the speed of the past: u <- share u + g,  w <- w - rate u    (Polyak 1964)."""
    u = each(lambda u, g: share * u + g, memory or zeros(w), gradient)
    return each(lambda w, u: w - rate * u, w, u), u


def adam(
    w: "Any",
    gradient: "Any",
    memory: "Any",
    step: int,
    rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    decay: float = 0.0,
) -> "tuple":
    """Each weight moves by about the rate, in the direction in which its gradient mostly points.

    m <- beta1 m + (1 - beta1) g,    v <- beta2 v + (1 - beta2) g^2
    w <- w - rate decay w - rate m' / (sqrt(v') + epsilon),
    m' = m / (1 - beta1^step),    v' = v / (1 - beta2^step)    (Kingma and Ba 2015, algorithm 1)

    m and v begin at 0, and their primes make good for that. The decay is that of AdamW: it takes of
    the weight as it was, and does not pass through m and v.
    """
    m, v = memory or (zeros(w), zeros(w))
    m = each(lambda m, g: beta1 * m + (1.0 - beta1) * g, m, gradient)
    v = each(lambda v, g: beta2 * v + (1.0 - beta2) * g * g, v, gradient)
    of_m, of_v = 1.0 - beta1**step, 1.0 - beta2**step

    def moved(w: float, m: float, v: float) -> float:
        return w - rate * decay * w - rate * (m / of_m) / (sqrt(v / of_v) + epsilon)

    return each(moved, w, m, v), (m, v)


def adamw(w: "Any", gradient: "Any", memory: "Any", step: int, rate: float = 1e-3) -> "tuple":
    """Adam with a decay of 0.01    (Loshchilov and Hutter 2019, algorithm 2)."""
    return adam(w, gradient, memory, step, rate, decay=0.01)


OPTIMIZERS = {"sgd": sgd, "momentum": momentum, "adam": adam, "adamw": adamw}


def descend(
    weights: "dict", gradients: "dict", memory: "dict", step: int, optimizer: "Any"
) -> None:
    """Move every weight, each tensor by itself."""
    for name in weights:
        weights[name], memory[name] = optimizer(
            weights[name], gradients[name + ".grad"], memory.get(name), step
        )
