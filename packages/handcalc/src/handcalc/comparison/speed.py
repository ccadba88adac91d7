"""The rows with a clock: a training step by hand, and by an engine that differentiates numbers."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

from handcalc.comparison.rows import Row, interleaved
from handcalc.gradients.autograd import Number, made_of
from handcalc.gradients.check import apart, engine_step
from handcalc.model.calculation import Calculation
from handcalc.model.step import forward
from handcalc.model.weights import Shape, drawn, numbers, sizes
from handcalc.operations.loss import Tokens
from handcalc.operations.matrices import each
from handcalc.training.optimizers import update
from handcalc.training.training import ADAMW, State, after, whole_step

SHAPE = Shape(vocab_size=27, n_positions=16, d_model=16, n_heads=4, d_ff=64)
WORD = [0, 3, 1, 12, 3, 21, 12, 21]  # a word of seven characters, after the end of another
BLOCK, FLOOR = "pre-ln", 20.0


def training_step() -> Row:
    """Forward, backward and AdamW on one word: formulas against the engine, AdamW the same."""
    targets = [*WORD[1:], 0]
    state = after_first_step(SHAPE, WORD, targets)
    n_weights = sum(len(numbers(tensor)) for tensor in state.weights.values())

    def ours() -> dict[str, Any]:
        return after(state, whole_step(state, WORD, targets, BLOCK)).weights

    def engine() -> dict[str, Any]:
        c = Calculation(state.weights)
        for name, gradient in engine_step(state.weights, WORD, targets, BLOCK)[1].items():
            c.given(f"{name}.grad", gradient)
        update(c, ADAMW, state.memory, state.step + 1)
        return after(state, c).weights

    ours_after, engine_after = ours(), engine()
    largest = max(apart(ours_after[name], engine_after[name]) for name in state.weights)
    seconds = interleaved(ours, engine)
    nodes = n_nodes(state.weights, WORD, targets)
    note = f"{nodes:,} nodes of the engine, {1e6 * seconds.other / nodes:.2f} microseconds each"
    name = f"training step, {n_weights:,} weights, {len(WORD)} tokens"
    return Row(name, "our autograd engine", largest, 1e-12, *seconds, FLOOR, note)


def after_first_step(shape: Shape, tokens: Tokens, targets: Tokens) -> State:
    """With something to remember, so that what is timed is like all steps that follow."""
    state = State(0, drawn(shape, BLOCK), {})
    return after(state, whole_step(state, tokens, targets, BLOCK))


def n_nodes(weights: dict[str, Any], tokens: Tokens, targets: Tokens) -> int:
    """How many numbers the engine makes and visits in a step."""
    engine = {name: each(Number, tensor) for name, tensor in weights.items()}
    return len(made_of(forward(engine, tokens, targets, BLOCK).values["loss"]))


class Cost(NamedTuple):
    """What a step takes at one size."""

    tokens: int
    weights: int
    seconds: float

    @property
    def nanoseconds(self) -> float:
        """For each token and weight."""
        return 1e9 * self.seconds / (self.tokens * self.weights)


def costs(repeats: int = 7) -> list[Cost]:
    """Steps of once, twice and four times as many tokens times weights, in turn.

    The text grows from 8 tokens to 16; then the feed-forward layer makes the weights twice as many.
    """
    asked = [(8, 64), (16, 64), (16, 196)]
    steps = [timed_step(n_tokens, d_ff) for n_tokens, d_ff in asked]
    taken = [[step() for step in steps] for _ in range(repeats + 2)][2:]
    n_weights = [
        sum(map(prod, sizes(replace(SHAPE, d_ff=d_ff), BLOCK).values())) for _, d_ff in asked
    ]
    seconds = [statistics.median(times) for times in zip(*taken, strict=True)]
    return [Cost(n, w, s) for (n, _), w, s in zip(asked, n_weights, seconds, strict=True)]


def timed_step(n_tokens: int, d_ff: int) -> Callable[[], float]:
    """Takes a step of this size, and says how long it took."""
    tokens = [(7 * i) % SHAPE.vocab_size for i in range(n_tokens + 1)]
    state = after_first_step(replace(SHAPE, d_ff=d_ff), tokens[:-1], tokens[1:])

    def step() -> float:
        begin = time.perf_counter()
        after(state, whole_step(state, tokens[:-1], tokens[1:], BLOCK))
        return time.perf_counter() - begin

    return step
