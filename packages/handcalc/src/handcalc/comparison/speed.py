"""Rows with times: a training step by our formulas against one by our autograd engine."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any, NamedTuple

from handcalc.calculation import Calculation, flatten, map_numbers
from handcalc.comparison.rows import Row, time_interleaved
from handcalc.gradients.autograd import Number, topological_order
from handcalc.gradients.check import autograd_step, max_difference
from handcalc.model.transformer import forward
from handcalc.model.weights import Shape, initial_weights, weight_sizes
from handcalc.training.optimizers import ADAMW, State, training_step, update

SHAPE = Shape(vocab_size=27, n_positions=16, d_model=16, n_heads=4, d_ff=64)
WORD = [0, 3, 1, 12, 3, 21, 12, 21]  # END and a word of seven characters
TIMED_BLOCK, FLOOR = "pre-ln", 20.0


def speed_row() -> Row:
    """Time forward pass, backward pass and AdamW on one word, by formulas and by the engine."""
    targets = [*WORD[1:], 0]
    # after a first step, so that the optimizer has a memory and the timed step is a usual one
    state = State(0, initial_weights(SHAPE, TIMED_BLOCK), {})
    _, state = training_step(state, WORD, targets, TIMED_BLOCK)
    n_weights = sum(len(flatten(tensor)) for tensor in state.weights.values())

    formulas = partial(training_step, state, WORD, targets, TIMED_BLOCK)

    def engine() -> dict[str, Any]:
        c = Calculation(state.weights)
        _, gradients = autograd_step(state.weights, WORD, targets, TIMED_BLOCK)
        for name, gradient in gradients.items():
            c.values[f"{name}.grad"] = gradient
        return update(c, ADAMW, state.memory, state.step + 1)[0]

    by_formulas, by_engine = formulas()[1].weights, engine()
    largest = max(max_difference(by_formulas[name], by_engine[name]) for name in state.weights)
    seconds = time_interleaved(formulas, engine)
    numbers = {name: map_numbers(Number, tensor) for name, tensor in state.weights.items()}
    loss = forward(numbers, WORD, targets, TIMED_BLOCK).values["loss"]
    nodes = len(topological_order(loss))
    note = f"{nodes:,} nodes of the engine, {1e6 * seconds.library / nodes:.2f} microseconds each"
    name = f"training step, {n_weights:,} weights, {len(WORD)} tokens"
    return Row(name, "our autograd engine", largest, 1e-12, *seconds, FLOOR, note)


class Cost(NamedTuple):
    """The time of a step at one size."""

    tokens: int
    weights: int
    seconds: float
    nanoseconds: float
    """Time per token and weight."""


def measure_costs(repeats: int = 7) -> list[Cost]:
    """Time steps with once, twice and four times the product of tokens and weights, interleaved.

    The text grows from 8 tokens to 16; then a wider feed-forward layer doubles the weights.
    """
    sizes = [(8, 64), (16, 64), (16, 196)]
    steps = [timed_step(n_tokens, d_ff) for n_tokens, d_ff in sizes]
    times = [[step() for step in steps] for _ in range(repeats + 2)][2:]
    n_weights = [
        sum(map(prod, weight_sizes(replace(SHAPE, d_ff=d_ff), TIMED_BLOCK).values()))
        for _, d_ff in sizes
    ]
    seconds = [statistics.median(each) for each in zip(*times, strict=True)]
    return [
        Cost(n, w, s, 1e9 * s / (n * w))
        for (n, _), w, s in zip(sizes, n_weights, seconds, strict=True)
    ]


def timed_step(n_tokens: int, d_ff: int) -> Callable[[], float]:
    """Return a function that takes a step of this size and returns its time in seconds."""
    tokens = [(7 * i) % SHAPE.vocab_size for i in range(n_tokens + 1)]
    state = State(0, initial_weights(replace(SHAPE, d_ff=d_ff), TIMED_BLOCK), {})
    _, state = training_step(state, tokens[:-1], tokens[1:], TIMED_BLOCK)

    def step() -> float:
        begin = time.perf_counter()
        training_step(state, tokens[:-1], tokens[1:], TIMED_BLOCK)
        return time.perf_counter() - begin

    return step
