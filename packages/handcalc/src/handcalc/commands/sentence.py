"""The step of a sentence, as the options of a command ask for it."""

import argparse

from handcalc.model.blocks import BLOCKS
from handcalc.model.calculation import Calculation
from handcalc.model.weights import Shape, drawn
from handcalc.operations.vocabulary import WORDS, encoded
from handcalc.training.optimizers import OPTIMIZERS
from handcalc.training.training import State, after, whole_step

SENTENCE = "I like transformers"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which step."""
    parser.add_argument("--text", default=SENTENCE, help=f"words of: {' '.join(WORDS[3:])}")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adamw")
    parser.add_argument("--block", choices=BLOCKS, default="pre-ln", help="how parts are joined")
    parser.add_argument("--seed", type=int, default=42, help="of the first weights")


def first_step(options: argparse.Namespace) -> Calculation:
    """Forward, backward and update of the drawn weights.

    Raises:
        ValueError: the text has no words, too many, or one without a number.
    """
    tokens = encoded(options.text)
    if len(tokens) > Shape().n_positions:
        raise ValueError(
            f"the text has {len(tokens) - 2} words; with BOS and EOS there is room for "
            f"{Shape().n_positions - 2}"
        )
    if len(tokens) == 2:
        raise ValueError("the text has no words")
    state = State(0, drawn(Shape(), options.block, options.seed), {})
    return whole_step(state, tokens, tokens[1:], options.block, OPTIMIZERS[options.optimizer])


def losses_after(c: Calculation, n_steps: int, options: argparse.Namespace) -> list[float]:
    """The loss after the update of the first step c, and after those that follow, n in all."""
    optimizer, tokens = OPTIMIZERS[options.optimizer], c.values["tokens"]
    found: list[float] = []
    state = State(0, {}, {})
    for _ in range(n_steps):
        state = after(state, c, optimizer)
        c = whole_step(state, tokens, tokens[1:], options.block, optimizer)
        found.append(c.values["loss"])
    return found
