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
from handcalc.model.step import backward, forward
from handcalc.model.weights import Shape, drawn, numbers, sizes
from handcalc.operations.matrices import each
from handcalc.training.optimizers import OPTIMIZERS, moved, update

SHAPE = Shape(vocab_size=27, n_positions=16, d_model=16, n_heads=4, d_ff=64)
WORD = [0, 3, 1, 12, 3, 21, 12, 21]  # a word of seven characters, after the end of another
BLOCK, ADAMW, FLOOR = "pre-ln", OPTIMIZERS["adamw"], 20.0


def training_step() -> Row:
    """Forward, backward and AdamW on one word: formulas against the engine, AdamW the same."""
    targets = [*WORD[1:], 0]
    weights, memory = after_first_step(drawn(SHAPE, BLOCK), WORD, targets)
    n_weights = sum(len(numbers(tensor)) for tensor in weights.values())

    def ours() -> dict[str, Any]:
        return by_hand(weights, memory, WORD, targets)

    def engine() -> dict[str, Any]:
        c = Calculation(weights)
        for name, gradient in engine_step(weights, WORD, targets, BLOCK)[1].items():
            c.given(f"{name}.grad", gradient)
        update(c, ADAMW, memory, 2)
        return moved(c, ADAMW)[0]

    ours_after, engine_after = ours(), engine()
    largest = max(apart(ours_after[name], engine_after[name]) for name in weights)
    seconds = interleaved(ours, engine)
    nodes = n_nodes(weights, WORD, targets)
    note = f"{nodes:,} nodes of the engine, {1e6 * seconds.other / nodes:.2f} microseconds each"
    name = f"training step, {n_weights:,} weights, {len(WORD)} tokens"
    return Row(name, "our autograd engine", largest, 1e-12, *seconds, FLOOR, note)


def after_first_step(
    weights: dict[str, Any], tokens: list[int], targets: list[int]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Weights and memory after the first step, so that what is timed is like all that follow."""
    c = forward(weights, tokens, targets, BLOCK)
    backward(c, BLOCK)
    update(c, ADAMW, {}, 1)
    return moved(c, ADAMW)


def by_hand(
    weights: dict[str, Any], memory: dict[str, Any], tokens: list[int], targets: list[int]
) -> dict[str, Any]:
    """The weights after a second step."""
    c = forward(weights, tokens, targets, BLOCK)
    backward(c, BLOCK)
    update(c, ADAMW, memory, 2)
    return moved(c, ADAMW)[0]


def n_nodes(weights: dict[str, Any], tokens: list[int], targets: list[int]) -> int:
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
    weights = drawn(replace(SHAPE, d_ff=d_ff), BLOCK)
    weights, memory = after_first_step(weights, tokens[:-1], tokens[1:])

    def step() -> float:
        begin = time.perf_counter()
        by_hand(weights, memory, tokens[:-1], tokens[1:])
        return time.perf_counter() - begin

    return step
