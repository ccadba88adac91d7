"""Training on words, one word per step, with the step of `optimizers` and nothing else.

Every pass over the words shuffles them anew, by the seed and the number of the pass. So a run that
is stopped and resumed gives the same weights as one that is not.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from handcalc.model.transformer import BLOCK_HELP, BLOCKS
from handcalc.model.weights import Shape, initial_weights
from handcalc.training.optimizers import State, training_step
from handcalc.training.words import Words, spell


def option(default: Any, text: str) -> Any:
    """Define a setting with its default and its line in `handcalc train --help`."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a training run."""

    steps: int = option(1000, "training steps, one word each; more learn more and take longer")
    learning_rate: float = option(
        0.007,
        "peak learning rate of AdamW, which falls linearly to 0; higher learns faster, "
        "until training becomes unstable",
    )
    d_model: int = option(16, "numbers per token; more learn more, but are slower")
    n_heads: int = option(
        4, "attention heads, which divide d-model equally; more heads are narrower"
    )
    d_ff: int = option(64, "width inside the feed-forward layer; wider learns more, but is slower")
    context: int = option(16, "characters of the longest word; longer ones are cut")
    block: str = option("pre-ln", BLOCK_HELP)
    seed: int = option(42, "seed of the initial weights and of the order of the words")

    def __post_init__(self) -> None:
        """Refuse settings that cannot be trained."""
        for name in ("steps", "d_model", "n_heads", "d_ff", "context"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.block not in BLOCKS:
            raise ValueError(f"there is no block {self.block!r}, only {', '.join(BLOCKS)}")
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"learning_rate must lie between 0 and 1, got {self.learning_rate}")
        self.shape(1)

    def shape(self, vocab_size: int) -> Shape:
        """Return the sizes of the model for a vocabulary of this size."""
        return Shape(vocab_size, self.context, self.d_model, self.n_heads, self.d_ff)


class Record(NamedTuple):
    """One step: its number, the loss (nats per character) before the update, the state after it."""

    step: int
    loss: float
    state: State


def initial_state(config: TrainConfig, words: Words) -> State:
    """Return the state before the first step."""
    shape = config.shape(len(words.characters) + 1)
    return State(0, initial_weights(shape, config.block, config.seed), {})


def train(config: TrainConfig, words: Words, state: State) -> Iterator[Record]:
    """Continue from a state to the last step, and yield a record of every step."""
    order = shuffled_words(words, config.seed, state.step)
    for step in range(state.step + 1, config.steps + 1):
        tokens, targets = spell(next(order), words.characters, config.context)
        rate = config.learning_rate * (1 - (step - 1) / config.steps)
        c, state = training_step(state, tokens, targets, config.block, rate=rate)
        yield Record(step, c.values["loss"], state)


def shuffled_words(words: Words, seed: int, n_done: int) -> Iterator[str]:
    """Yield words to train on without end, starting after the first n_done."""
    n_pass, place = divmod(n_done, len(words.training))
    while True:
        order = list(words.training)
        random.Random(f"{seed} {n_pass}").shuffle(order)
        yield from order[place:]
        n_pass, place = n_pass + 1, 0
