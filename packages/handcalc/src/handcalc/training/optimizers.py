"""Four ways to move a weight against its gradient, as lines of a calculation.

After the step, weights called w have become w.new. What an optimizer remembers from step to step,
such as w.m, is called w.m.before when the step begins, and is 0 before the first.
"""

from handcalc.model.calculation import Calculation
from handcalc.operations.matrices import Vector, each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

Tensor: "TypeAlias" = "Any"  # a vector or a matrix


def sgd(c: Calculation, w: str) -> None:
    """Straight down    (Robbins and Monro 1951)."""
    c.line(f"{w}.new", downhill, w, f"{w}.grad", "rate")


def momentum(c: Calculation, w: str) -> None:
    """Down with the speed of the past    (Polyak 1964)."""
    c.line(f"{w}.speed", speed, f"{w}.speed.before", f"{w}.grad", "friction")
    c.line(f"{w}.new", downhill, w, f"{w}.speed", "rate")


def adam(c: Calculation, w: str) -> None:
    """Each weight moves by about the rate, in the direction in which its gradient mostly points.

    (Kingma and Ba 2015, algorithm 1)
    """
    c.line(f"{w}.m", mean_gradient, f"{w}.m.before", f"{w}.grad", "beta1")
    c.line(f"{w}.v", mean_square, f"{w}.v.before", f"{w}.grad", "beta2")
    adam_constants = ("rate", "beta1", "beta2", "adam_epsilon", "decay", "step")
    c.line(f"{w}.new", adam_move, w, f"{w}.m", f"{w}.v", *adam_constants)


def downhill(w: Tensor, slope: Tensor, rate: float) -> Tensor:
    """w.new = w - rate slope."""

    def row(w: Vector, slope: Vector) -> Vector:
        return [x - rate * y for x, y in zip(w, slope)]

    return by_rows(row, w, slope)


def speed(before: Tensor, gradient: Tensor, friction: float) -> Tensor:
    """Now u = friction u.before + g."""

    def row(u: Vector, g: Vector) -> Vector:
        return [friction * x + y for x, y in zip(u, g)]

    return by_rows(row, before, gradient)


def mean_gradient(before: Tensor, gradient: Tensor, beta1: float) -> Tensor:
    """Now m = beta1 m.before + (1 - beta1) g."""
    rest = 1.0 - beta1

    def row(m: Vector, g: Vector) -> Vector:
        return [beta1 * x + rest * y for x, y in zip(m, g)]

    return by_rows(row, before, gradient)


def mean_square(before: Tensor, gradient: Tensor, beta2: float) -> Tensor:
    """Now v = beta2 v.before + (1 - beta2) g^2."""
    rest = 1.0 - beta2

    def row(v: Vector, g: Vector) -> Vector:
        return [beta2 * x + rest * y * y for x, y in zip(v, g)]

    return by_rows(row, before, gradient)


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
    """w.new = (1 - rate decay) w - rate m' / (sqrt(v') + epsilon).

    m' = m / (1 - beta1^step),    v' = v / (1 - beta2^step)

    m and v begin at 0, and their primes make good for that. The decay is taken from the weight as
    it was and does not pass through m and v (Loshchilov and Hutter 2019, algorithm 2).
    """
    kept, of_m, of_v = 1.0 - rate * decay, 1.0 - beta1**step, 1.0 - beta2**step

    def row(w: Vector, m: Vector, v: Vector) -> Vector:
        return [
            kept * x - rate * (y / of_m) / ((z / of_v) ** 0.5 + epsilon) for x, y, z in zip(w, m, v)
        ]

    return by_rows(row, w, m, v)


def by_rows(function: "Callable[..., Vector]", *tensors: Tensor) -> Tensor:
    """A function of vectors, of the tensors themselves or of their rows."""
    if isinstance(tensors[0][0], list):
        return [function(*rows) for rows in zip(*tensors)]
    return function(*tensors)


class Optimizer:
    """How to add the lines of a weight, what they remember, and the constants they need."""

    def __init__(
        self,
        lines: "Callable[[Calculation, str], None]",
        memory: "tuple[str, ...]",
        **constants: float,
    ) -> None:
        self.lines = lines
        self.memory = memory
        self.constants = constants


MOMENTS = {"beta1": 0.9, "beta2": 0.999, "adam_epsilon": 1e-8}
OPTIMIZERS = {
    "sgd": Optimizer(sgd, (), rate=1e-2),
    "momentum": Optimizer(momentum, ("speed",), rate=1e-2, friction=0.9),
    "adam": Optimizer(adam, ("m", "v"), rate=1e-3, decay=0.0, **MOMENTS),
    "adamw": Optimizer(adam, ("m", "v"), rate=1e-3, decay=0.01, **MOMENTS),
}


def update(
    c: Calculation, optimizer: Optimizer, before: "dict[str, Any]", step: int, **constants: float
) -> None:
    """The lines that move every weight; `constants` replace the optimizer's own.

    `before` holds what the step before left in memory, such as W_O.m; steps count from 1.
    """
    c.given("step", float(step))
    for name, value in optimizer.constants.items():
        c.given(name, constants.get(name, value))
    for w in c.weights:
        for memory in optimizer.memory:
            name = f"{w}.{memory}"
            past = before[name] if name in before else each(lambda x: 0.0, c.values[w])
            c.given(f"{name}.before", past)
        optimizer.lines(c, w)


def moved(c: Calculation, optimizer: Optimizer) -> "tuple[dict[str, Any], dict[str, Any]]":
    """The weights after the update, and what the next one must remember."""
    memory = [f"{w}.{name}" for w in c.weights for name in optimizer.memory]
    return (
        {w: c.values[f"{w}.new"] for w in c.weights},
        {name: c.values[name] for name in memory},
    )
