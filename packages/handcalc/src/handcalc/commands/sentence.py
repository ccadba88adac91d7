"""The step of a sentence, as the options of a command ask for it."""

import argparse
from typing import Any

from handcalc.model.blocks import BLOCKS
from handcalc.model.calculation import Calculation
from handcalc.model.step import backward, forward
from handcalc.model.weights import Shape, drawn
from handcalc.operations.vocabulary import WORDS, encoded
from handcalc.training.optimizers import OPTIMIZERS, moved, update

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
    return stepped(drawn(Shape(), options.block, options.seed), tokens, {}, 1, options)


def stepped(
    weights: dict[str, Any],
    tokens: list[int],
    memory: dict[str, Any],
    number: int,
    options: argparse.Namespace,
) -> Calculation:
    """A step of these weights."""
    c = forward(weights, tokens, tokens[1:], options.block)
    backward(c, options.block)
    update(c, OPTIMIZERS[options.optimizer], memory, number)
    return c


def losses_after(c: Calculation, n_steps: int, options: argparse.Namespace) -> list[float]:
    """The loss after the update of the step c, and after those that follow, n in all."""
    found: list[float] = []
    for number in range(2, n_steps + 2):
        weights, memory = moved(c, OPTIMIZERS[options.optimizer])
        c = stepped(weights, c.values["tokens"], memory, number, options)
        found.append(c.values["loss"])
    return found
