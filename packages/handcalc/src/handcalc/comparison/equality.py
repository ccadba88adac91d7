"""The rows without a clock: the step and the optimizers beside PyTorch's, in float64."""

import math
from collections.abc import Callable, Iterator

from handcalc.comparison.rows import Row
from handcalc.gradients.check import TARGETS, TOKENS, all_drawn, apart
from handcalc.model.blocks import BLOCKS
from handcalc.model.calculation import Calculation
from handcalc.model.step import backward, forward
from handcalc.model.weights import Shape, drawn
from handcalc.operations.matrices import each
from handcalc.training.optimizers import OPTIMIZERS, moved, update

N_STEPS = 20


def step_rows() -> Iterator[Row]:
    """Loss and gradients of "I like transformers", for each block."""
    from handcalc.baselines import torch_step, version

    for block in BLOCKS:
        weights = all_drawn(block)
        c = forward(weights, TOKENS, TARGETS, block)
        backward(c, block)
        loss, gradients = torch_step(weights, TOKENS, TARGETS, block)
        errors = [apart(c.values[f"{name}.grad"], gradients[name]) for name in weights]
        largest = max(abs(loss - c.values["loss"]), *errors)
        yield Row(f"loss and every gradient, {block}", version(), largest, 1e-10)


def optimizer_rows() -> Iterator[Row]:
    """Twenty steps along gradients that change sign and size."""
    from handcalc.baselines import TorchOptimizer, version

    for optimizer_name, optimizer in OPTIMIZERS.items():
        weights, memory = drawn(Shape(d_model=4, d_ff=6), "classic"), {}
        theirs, largest = TorchOptimizer(optimizer_name, weights), 0.0
        for step in range(1, N_STEPS + 1):
            c = Calculation(weights)
            gradients = {name: each(sines(1000.0 * step), weights[name]) for name in weights}
            for name, gradient in gradients.items():
                c.given(f"{name}.grad", gradient)
            update(c, optimizer, memory, step)
            weights, memory = moved(c, optimizer)
            expected = theirs.move(gradients)
            largest = max(largest, *(apart(weights[w], expected[w]) for w in weights))
        yield Row(f"{N_STEPS} steps of {optimizer_name}", version(), largest, 1e-12)


def sines(frequency: float) -> Callable[[float], float]:
    """Gradients that have nothing to do with a loss, and differ at every step."""
    return lambda x: math.sin(frequency * (x + 0.1))
