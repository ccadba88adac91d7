"""Every gradient of the step, found in three ways."""

from typing import Any, NamedTuple

from handcalc.gradients.autograd import Number
from handcalc.gradients.differences import differences
from handcalc.model.step import backward, forward
from handcalc.model.weights import Shape, drawn, numbers
from handcalc.training.optimizers import each

TOKENS, TARGETS = [1, 3, 4, 5, 2], [3, 4, 5, 2]


class Check(NamedTuple):
    """How far other ways are from the formulas, for one tensor of weights."""

    name: str
    n: int
    """Numbers in the tensor."""
    differences: float
    """Largest error against finite differences."""
    autograd: float
    """Largest error against the autograd engine."""


def checks(block: str, seed: int = 42) -> list[Check]:
    """Check the gradient of every weight of the sentence's step."""
    weights = drawn(Shape(), block, seed)
    c = forward(weights, TOKENS, TARGETS, block)
    backward(c, block)
    engine = {name: each(Number, tensor) for name, tensor in weights.items()}
    forward(engine, TOKENS, TARGETS, block).values["loss"].backward()

    def loss() -> float:
        return forward(weights, TOKENS, TARGETS, block).values["loss"]

    found = []
    for name, tensor in weights.items():
        by_hand = numbers(c.values[name + ".grad"])
        by_differences = numbers(differences(loss, tensor))
        by_engine = [number.grad for number in numbers(engine[name])]
        found.append(
            Check(name, len(by_hand), apart(by_hand, by_differences), apart(by_hand, by_engine))
        )
    return found


def apart(a: list[Any], b: list[Any]) -> float:
    """The largest difference of corresponding numbers."""
    return max(abs(x - y) for x, y in zip(a, b, strict=True))
