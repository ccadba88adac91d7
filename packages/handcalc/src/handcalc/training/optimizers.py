"""SGD, momentum, Adam and AdamW as lines of a calculation, and the whole training step.

A step turns each weight w into w.new. The state that an optimizer keeps for it, such as w.m, is
called w.m.before at the start of the step, and is 0 before the first.
"""

from handcalc.calculation import TYPE_CHECKING, Calculation, Name, Tokens, Vector, map_numbers
from handcalc.model.transformer import forward

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    RowFunction = Callable[[Vector, Vector], Vector] | Callable[[Vector, Vector, Vector], Vector]

Tensor: "TypeAlias" = "Any"  # a vector or a matrix


def map_rows(function: "RowFunction", *tensors: Tensor) -> Tensor:
    """Apply a function to vectors, or to the corresponding rows of matrices."""
    if isinstance(tensors[0][0], list):
        return [function(*rows) for rows in zip(*tensors)]
    return function(*tensors)


def descend(w: Tensor, slope: Tensor, rate: float) -> Tensor:
    """w.new = w - rate slope."""
    return map_rows(lambda w, slope: [x - rate * y for x, y in zip(w, slope)], w, slope)


def speed(before: Tensor, gradient: Tensor, friction: float) -> Tensor:
    """Return u = friction u.before + g."""
    return map_rows(lambda u, g: [friction * x + y for x, y in zip(u, g)], before, gradient)


def moments(
    m_before: Tensor, v_before: Tensor, gradient: Tensor, beta1: float, beta2: float
) -> "tuple[Tensor, Tensor]":
    """Return m = beta1 m.before + (1 - beta1) g and v = beta2 v.before + (1 - beta2) g^2.

    These are running means of the gradient and of its square, the first and second moment.
    """
    rest1, rest2 = 1.0 - beta1, 1.0 - beta2
    m = map_rows(lambda m, g: [beta1 * x + rest1 * y for x, y in zip(m, g)], m_before, gradient)
    v = map_rows(lambda v, g: [beta2 * x + rest2 * y * y for x, y in zip(v, g)], v_before, gradient)
    return m, v


def adam_move(
    w: Tensor,
    m: Tensor,
    v: Tensor,
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    decay: float,
    step: float,
) -> Tensor:
    """w.new = (1 - rate decay) w - rate m_hat / (sqrt(v_hat) + epsilon).

    m_hat = m / (1 - beta1^step),    v_hat = v / (1 - beta2^step)

    m and v start at 0; m_hat and v_hat correct for that bias. The decay acts on the weight itself
    and does not pass through m and v (Loshchilov and Hutter 2019, algorithm 2).
    """
    kept, m_scale, v_scale = 1.0 - rate * decay, 1.0 - beta1**step, 1.0 - beta2**step

    def row(w: Vector, m: Vector, v: Vector) -> Vector:
        m_hat = [y / m_scale for y in m]
        v_hat = [z / v_scale for z in v]
        return [kept * x - rate * y / (z**0.5 + epsilon) for x, y, z in zip(w, m_hat, v_hat)]

    return map_rows(row, w, m, v)


def sgd(c: Calculation, w: Name) -> None:
    """Add the lines of stochastic gradient descent    (Robbins and Monro 1951)."""
    c.line(w + ".new", descend, w, w + ".grad", "rate")


def momentum(c: Calculation, w: Name) -> None:
    """Add the lines of gradient descent with momentum    (Polyak 1964)."""
    u = c.line(w + ".speed", speed, w + ".speed.before", w + ".grad", "friction")
    c.line(w + ".new", descend, w, u, "rate")


def adam(c: Calculation, w: Name) -> None:
    """Add the lines of Adam, or of AdamW where the decay is not 0.

    Each weight moves by about the rate, against the sign of its recent gradients.
    (Kingma and Ba 2015, algorithm 1)
    """
    befores = [w + ".m.before", w + ".v.before"]
    m, v = c.tuple_line([w + ".m", w + ".v"], moments, *befores, w + ".grad", "beta1", "beta2")
    constants = ["rate", "beta1", "beta2", "adam_epsilon", "decay", "step"]
    c.line(w + ".new", adam_move, w, m, v, *constants)


class Optimizer:
    """The function that adds the lines of one weight, the state it keeps, and its constants."""

    def __init__(
        self, lines: "Callable[[Calculation, Name], None]", memory: "list[str]", **constants: float
    ) -> None:
        self.lines = lines
        self.memory = memory
        self.constants = constants


MOMENTS = {"beta1": 0.9, "beta2": 0.999, "adam_epsilon": 1e-8}
OPTIMIZERS = {
    "sgd": Optimizer(sgd, [], rate=1e-2),
    "momentum": Optimizer(momentum, ["speed"], rate=1e-2, friction=0.9),
    "adam": Optimizer(adam, ["m", "v"], rate=1e-3, decay=0.0, **MOMENTS),
    "adamw": Optimizer(adam, ["m", "v"], rate=1e-3, decay=0.01, **MOMENTS),
}
ADAMW = OPTIMIZERS["adamw"]


def update(
    c: Calculation,
    optimizer: Optimizer,
    memory: "dict[Name, Any]",
    step: int,
    **constants: float,
) -> "tuple[dict[Name, Any], dict[Name, Any]]":
    """Add the lines that move every weight; return the new weights and the optimizer's new memory.

    `memory` is what the step before returned, with entries such as W_O.m; steps count from 1.
    `constants` replace the optimizer's own.
    """
    c.values["step"] = float(step)
    for name, value in optimizer.constants.items():
        c.values[name] = constants.get(name, value)
    remembered: list[Name] = []
    for w in c.weights:
        for kind in optimizer.memory:
            name = w + "." + kind
            past = memory[name] if name in memory else map_numbers(lambda x: 0.0, c.values[w])
            c.values[name + ".before"] = past
            remembered.append(name)
        optimizer.lines(c, w)
    new_weights = {w: c.values[w + ".new"] for w in c.weights}
    return new_weights, {name: c.values[name] for name in remembered}


class State:
    """Everything that the next step depends on; `step` counts the steps taken so far."""

    def __init__(self, step: int, weights: "dict[Name, Any]", memory: "dict[Name, Any]") -> None:
        self.step = step
        self.weights = weights
        self.memory = memory


def training_step(
    state: State,
    tokens: Tokens,
    targets: Tokens,
    block: str,
    optimizer: Optimizer = ADAMW,
    **constants: float,
) -> "tuple[Calculation, State]":
    """Run forward pass, backward pass and update; return the calculation and the next state."""
    c = forward(state.weights, tokens, targets, block)
    c.backward()
    step = state.step + 1
    return c, State(step, *update(c, optimizer, state.memory, step, **constants))
