"""Training on words: one word a step, by the step of `handcalc.model` and nothing else.

The order of the words is drawn anew for every pass over them, from the seed and the number of the
pass. So a run that was stopped goes on as if it had not been.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from handcalc.model.blocks import BLOCKS
from handcalc.model.calculation import Calculation
from handcalc.model.step import backward, forward
from handcalc.model.weights import Shape, drawn
from handcalc.operations.loss import Tokens
from handcalc.training.optimizers import OPTIMIZERS, Optimizer, moved, update
from handcalc.training.words import Words, spelled

ADAMW = OPTIMIZERS["adamw"]


def option(default: Any, does: str) -> Any:
    """A setting, and what `handcalc train --help` says of it."""
    return field(default=default, metadata={"help": does})


@dataclass(frozen=True)
class TrainConfig:
    """How to train."""

    steps: int = option(1000, "words to learn from, one a step")
    rate: float = option(0.007, "of AdamW at the first step; it falls to 0 in a straight line")
    d_model: int = option(16, "width of a row")
    n_heads: int = option(4, "heads of attention")
    d_ff: int = option(64, "width inside the feed-forward layer")
    context: int = option(16, "longest text in characters; words that are longer are cut")
    block: str = option("pre-ln", "how the parts are joined")
    seed: int = option(42, "of the first weights and of the order of the words")

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        for name in ("steps", "d_model", "n_heads", "d_ff", "context"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.block not in BLOCKS:
            raise ValueError(f"there is no block {self.block!r}, only {', '.join(BLOCKS)}")
        if not 0 < self.rate < 1:
            raise ValueError(f"rate must lie between 0 and 1, got {self.rate}")
        self.shape(1)

    def shape(self, vocab_size: int) -> Shape:
        """How large the tensors are."""
        return Shape(vocab_size, self.context, self.d_model, self.n_heads, self.d_ff)


class State(NamedTuple):
    """Where a run stands: all that the next step depends on."""

    step: int
    weights: dict[str, Any]
    memory: dict[str, Any]


class Record(NamedTuple):
    """One step: its number, its loss in nats a character before the update, and what is left."""

    step: int
    loss: float
    state: State


def beginning(config: TrainConfig, words: Words) -> State:
    """Before the first step."""
    return State(0, drawn(config.shape(len(words.characters) + 1), config.block, config.seed), {})


def whole_step(
    state: State,
    tokens: Tokens,
    targets: Tokens,
    block: str,
    optimizer: Optimizer = ADAMW,
    **constants: float,
) -> Calculation:
    """Forward, backward and update; `constants` replace those of the optimizer."""
    c = forward(state.weights, tokens, targets, block)
    backward(c, block)
    update(c, optimizer, state.memory, state.step + 1, **constants)
    return c


def after(state: State, c: Calculation, optimizer: Optimizer = ADAMW) -> State:
    """Where a run stands when the step c has been taken."""
    return State(state.step + 1, *moved(c, optimizer))


def train(config: TrainConfig, words: Words, state: State) -> Iterator[Record]:
    """Go on from a state to the last step."""
    steps = range(state.step + 1, config.steps + 1)
    for step, word in zip(steps, in_order(words, config.seed, state.step), strict=False):
        tokens, targets = spelled(word, words.characters, config.context)
        rate = config.rate * (1 - (step - 1) / config.steps)
        c = whole_step(state, tokens, targets, config.block, rate=rate)
        state = after(state, c)
        yield Record(step, c.values["loss"], state)


def in_order(words: Words, seed: int, n_done: int) -> Iterator[str]:
    """The words to train on, without end, after the first n."""
    n_pass, place = divmod(n_done, len(words.training))
    while True:
        order = list(words.training)
        random.Random(f"{seed} {n_pass}").shuffle(order)
        yield from order[place:]
        n_pass, place = n_pass + 1, 0


def mean_loss(config: TrainConfig, words: Words, state: State) -> float:
    """The loss on the words held out, in nats a character."""
    total, n = 0.0, 0
    for word in words.held_out:
        tokens, targets = spelled(word, words.characters, config.context)
        c = forward(state.weights, tokens, targets, config.block)
        total, n = total + c.values["loss"] * len(targets), n + len(targets)
    return total / n
