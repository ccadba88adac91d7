"""What a model reads in fine-tuning: tokens, and which of them are the answer.

A mask is True on the tokens that count: those that the model is to write, its stop token included.
Rows of a batch are padded at the right, where no real token of a causal model can see the padding.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gpt.errors import BadInput

_Item = TypeVar("_Item")


class Example(NamedTuple):
    """One text."""

    tokens: list[int]
    mask: list[bool]
    """True on the tokens that count."""


class Rows(NamedTuple):
    """Several texts as one block."""

    tokens: Int[Tensor, "B T"]
    mask: Bool[Tensor, "B T"]
    """True on the tokens that count."""
    lengths: Int[Tensor, " B"]
    """Real tokens of each row; padding follows."""

    def to(self, device: torch.device) -> "Rows":
        """The same rows on a device."""
        return Rows(*(each.to(device) for each in self))


def prompt_answer_example(prompt: list[int], answer: list[int]) -> Example:
    """A prompt and its answer: the boundary is where the second list begins."""
    return Example(prompt + answer, [False] * len(prompt) + [True] * len(answer))


def pad_examples(examples: Sequence[Example], padding: int = 0) -> Rows:
    """The examples as one block, as wide as the longest.

    Raises:
        BadInput: there is no example, or one has no token that counts; a loss over nothing would
            be 0 / 0.
    """
    if not examples:
        raise BadInput("there are no examples to pad")
    width = max(len(example.tokens) for example in examples)
    tokens = torch.full((len(examples), width), padding)
    mask = torch.zeros(len(examples), width, dtype=torch.bool)
    for row, example in enumerate(examples):
        if not any(example.mask[1:]):  # nothing predicts the first token
            raise BadInput(
                f"example {row} of the batch has {len(example.tokens)} tokens and none that counts"
            )
        tokens[row, : len(example.tokens)] = torch.tensor(example.tokens)
        mask[row, : len(example.mask)] = torch.tensor(example.mask)
    return Rows(tokens, mask, torch.tensor([len(example.tokens) for example in examples]))


class EpochSampler:
    """Which rows a step takes: every row once an epoch, in an order that depends on the seed.

    The step alone decides, so a resumed run has no position to save.
    """

    def __init__(self, n_rows: int, batch_size: int, seed: int) -> None:
        if n_rows < 1:
            raise BadInput("there are no rows to train on")
        self.n_rows, self.batch_size, self.seed = n_rows, batch_size, seed

    def __call__(self, step: int) -> list[int]:
        """The numbers of the rows of a step; a batch may reach into the next epoch."""
        places = range(step * self.batch_size, (step + 1) * self.batch_size)
        epochs = {place // self.n_rows for place in places}
        orders = {epoch: self.order(epoch) for epoch in epochs}
        return [int(orders[place // self.n_rows][place % self.n_rows]) for place in places]

    def order(self, epoch: int) -> np.ndarray:
        """All rows, shuffled for this epoch."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.n_rows)


def split_into_batches(items: Sequence[_Item], size: int) -> list[Sequence[_Item]]:
    """The items in their order, so many at once; the last part may be smaller.

    Raises:
        BadInput: a part would hold less than one.
    """
    if size < 1:
        raise BadInput(f"a part must have at least 1 row, got {size}")
    return [items[begin : begin + size] for begin in range(0, len(items), size)]
