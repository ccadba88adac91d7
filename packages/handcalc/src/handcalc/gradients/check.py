"""The gradient of every weight by our formulas, compared with other ways to compute it."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from handcalc.calculation import flatten, map_numbers
from handcalc.gradients.autograd import Number
from handcalc.gradients.differences import differences
from handcalc.model.transformer import NORMS, forward
from handcalc.model.weights import Shape, initial_weights

TOKENS, TARGETS = [1, 3, 4, 5, 2], [3, 4, 5, 2]
"""The sentence "I like transformers", between BOS and EOS, and the next token of each."""

GradientStep = Callable[[dict[str, Any], list[int], list[int], str], tuple[float, dict[str, Any]]]
"""From weights, tokens, targets and block to the loss and the gradients."""


class Check(NamedTuple):
    """The largest errors of our formulas for one tensor of weights, against each other way."""

    block: str
    name: str
    n: int
    """Count of numbers in the tensor."""
    differences: float
    """Largest error against finite differences."""
    autograd: float
    """Largest error against the autograd engine."""
    torch: float | None
    """Largest error against PyTorch, None where it is not installed."""


def check_gradients(
    block: str, seed: int = 42, torch_step: GradientStep | None = None
) -> list[Check]:
    """Check the gradient of every weight for a step on "I like transformers".

    The gradient at the logits differs from entry to entry, so a mistake in any Jacobian shows. With
    a uniform one the gradient through a softmax, for example, would be 0 and hide it.
    """
    weights = weights_with_random_norms(block, seed)
    c = forward(weights, TOKENS, TARGETS, block)
    c.backward()
    _, engine = autograd_step(weights, TOKENS, TARGETS, block)
    torch = torch_step(weights, TOKENS, TARGETS, block)[1] if torch_step else None
    checks: list[Check] = []
    for name, tensor in weights.items():
        ours = c.values[f"{name}.grad"]
        by_differences = differences(partial(c.recalculate, name, "loss"), tensor)
        errors = max_difference(ours, by_differences), max_difference(ours, engine[name])
        by_torch = max_difference(ours, torch[name]) if torch else None
        checks.append(Check(block, name, len(flatten(ours)), *errors, by_torch))
    return checks


def weights_with_random_norms(block: str, seed: int = 42) -> dict[str, Any]:
    """Return initial weights with random gains and offsets.

    At their usual start, 1 and 0, even a formula that leaves one of them out would be right.
    """
    weights = initial_weights(Shape(), block, seed)
    draws = random.Random(seed + 1)
    for suffix in NORMS[block]:
        weights[f"gamma{suffix}"] = [draws.gauss(1, 0.3) for _ in range(Shape().d_model)]
        weights[f"beta{suffix}"] = [draws.gauss(0, 0.3) for _ in range(Shape().d_model)]
    return weights


def autograd_step(
    weights: dict[str, Any], tokens: list[int], targets: list[int], block: str
) -> tuple[float, dict[str, Any]]:
    """Return loss and gradients by the autograd engine: our forward pass on each `Number`."""
    engine = {name: map_numbers(Number, tensor) for name, tensor in weights.items()}
    loss = forward(engine, tokens, targets, block).values["loss"]
    loss.backward()
    gradients = {name: map_numbers(lambda x: x.grad, tensor) for name, tensor in engine.items()}
    return loss.value, gradients


def max_difference(a: Any, b: Any) -> float:
    """Return the largest difference of corresponding numbers; infinity if any of them is NaN."""
    largest = max(abs(x - y) for x, y in zip(flatten(a), flatten(b), strict=True))
    return largest if all(x == x for x in flatten(a) + flatten(b)) else float("inf")
