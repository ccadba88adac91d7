"""Rows without times: our step and our optimizers against PyTorch's, in float64."""

import math
from collections.abc import Iterator
from typing import Any

from handcalc.calculation import Calculation, map_numbers
from handcalc.comparison.rows import Row
from handcalc.gradients.check import TARGETS, TOKENS, max_difference, weights_with_random_norms
from handcalc.model.transformer import BLOCKS, forward
from handcalc.model.weights import Shape, initial_weights
from handcalc.training.optimizers import OPTIMIZERS, update

N_STEPS = 20


def step_rows() -> Iterator[Row]:
    """Yield a row per block: loss and gradients of "I like transformers"."""
    from handcalc.baselines import TORCH_VERSION, torch_step

    for block in BLOCKS:
        weights = weights_with_random_norms(block)
        c = forward(weights, TOKENS, TARGETS, block)
        c.backward()
        loss, gradients = torch_step(weights, TOKENS, TARGETS, block)
        errors = [max_difference(c.values[f"{name}.grad"], gradients[name]) for name in weights]
        largest = max(abs(loss - c.values["loss"]), *errors)
        yield Row(f"loss and every gradient, {block}", TORCH_VERSION, largest, 1e-10)


def optimizer_rows() -> Iterator[Row]:
    """Yield a row per optimizer: the weights after steps on gradients that change sign and size."""
    from handcalc.baselines import TORCH_VERSION, TorchOptimizer

    for optimizer_name, optimizer in OPTIMIZERS.items():
        weights, memory = initial_weights(Shape(d_model=4, d_ff=6), "classic"), {}
        theirs, largest = TorchOptimizer(optimizer_name, weights), 0.0
        for step in range(1, N_STEPS + 1):
            c, gradients = Calculation(weights), dict[str, Any]()
            for name, tensor in weights.items():  # gradients that belong to no loss
                sines = map_numbers(lambda x, n=step: math.sin(1000.0 * n * (x + 0.1)), tensor)
                gradients[name] = c.values[f"{name}.grad"] = sines
            weights, memory = update(c, optimizer, memory, step)
            expected = theirs.step(gradients)
            largest = max(largest, *(max_difference(weights[w], expected[w]) for w in weights))
        yield Row(f"{N_STEPS} steps of {optimizer_name}", TORCH_VERSION, largest, 1e-12)
