"""Every gradient of a step, found in other ways."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from handcalc.gradients.autograd import Number
from handcalc.gradients.differences import differences
from handcalc.model.blocks import BLOCKS
from handcalc.model.step import backward, forward
from handcalc.model.weights import Shape, drawn, numbers
from handcalc.operations.matrices import each

TOKENS, TARGETS = [1, 3, 4, 5, 2], [3, 4, 5, 2]

Step = Callable[[dict[str, Any], list[int], list[int], str], tuple[float, dict[str, Any]]]
"""From weights, tokens, targets and block to the loss and the gradients."""


class Check(NamedTuple):
    """How far other ways are from the formulas, for one tensor of weights."""

    block: str
    name: str
    n: int
    """Numbers in the tensor."""
    differences: float
    """Largest error against finite differences."""
    autograd: float
    """Largest error against the autograd engine."""
    torch: float | None
    """Largest error against PyTorch, where it is installed."""


def checks(block: str, seed: int = 42, torch_step: Step | None = None) -> list[Check]:
    """Check the gradient of every weight of the sentence's step.

    The gradient that enters at the logits differs from place to place, so a wrong Jacobian shows:
    behind a uniform one that of the softmax, for example, is 0 and hides any mistake.
    """
    weights = all_drawn(block, seed)
    c = forward(weights, TOKENS, TARGETS, block)
    backward(c, block)
    engine = engine_step(weights, TOKENS, TARGETS, block)[1]
    torch = torch_step(weights, TOKENS, TARGETS, block)[1] if torch_step else None
    found: list[Check] = []
    for name, tensor in weights.items():
        ours = c.values[f"{name}.grad"]
        by_torch = apart(ours, torch[name]) if torch else None
        tried = differences(partial(c.again, name, "loss"), tensor)
        errors = apart(ours, tried), apart(ours, engine[name])
        found.append(Check(block, name, len(numbers(ours)), *errors, by_torch))
    return found


def all_drawn(block: str, seed: int = 42) -> dict[str, Any]:
    """The weights of the sentence's step, with gains and offsets that are drawn too.

    At 1 and 0, where they begin, a formula that forgets one of them is right.
    """
    weights = drawn(Shape(), block, seed)
    draws = random.Random(seed + 1)
    for norm in BLOCKS[block].norms:
        weights[f"gamma{norm}"] = [draws.gauss(1, 0.3) for _ in range(Shape().d_model)]
        weights[f"beta{norm}"] = [draws.gauss(0, 0.3) for _ in range(Shape().d_model)]
    return weights


def engine_step(
    weights: dict[str, Any], tokens: list[int], targets: list[int], block: str
) -> tuple[float, dict[str, Any]]:
    """The loss and the gradients by the autograd engine: our forward pass on its numbers."""
    engine = {name: each(Number, tensor) for name, tensor in weights.items()}
    loss = forward(engine, tokens, targets, block).values["loss"]
    loss.backward()
    return loss.value, {name: each(lambda x: x.grad, tensor) for name, tensor in engine.items()}


def apart(a: Any, b: Any) -> float:
    """The largest difference of corresponding numbers of two tensors; infinite beside a NaN."""
    largest = max(abs(x - y) for x, y in zip(numbers(a), numbers(b), strict=True))
    return largest if all(x == x for x in numbers(a) + numbers(b)) else float("inf")
