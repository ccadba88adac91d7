"""Rows for fine-tuning: tokens, with a mask that is True on the tokens to learn.

Those are the tokens of the answers, each with its stop token. A batch is padded on the right: with
causal attention no real token can see the padding.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.runs.processes import local_rows

_Item = TypeVar("_Item")


class Example(NamedTuple):
    """The tokens of one text and their mask."""

    tokens: list[int]
    mask: list[bool]
    """True on the tokens that count in the loss."""


class Rows(NamedTuple):
    """A batch of examples, padded to one width."""

    tokens: Int[Tensor, "B T"]
    mask: Bool[Tensor, "B T"]
    """True on the tokens that count in the loss."""
    lengths: Int[Tensor, " B"]
    """Number of real tokens per row; padding follows them."""

    def to(self, device: torch.device) -> "Rows":
        """Return the batch on a device."""
        return Rows(*(each.to(device) for each in self))

    def select_rows(self, numbers: list[int]) -> "Rows":
        """Return the rows of a micro-batch, without columns that are padding in all of them."""
        tokens, mask, lengths = (each[numbers] for each in self)
        width = int(lengths.max())
        return Rows(tokens[:, :width], mask[:, :width], lengths)


def prompt_answer_example(prompt: list[int], answer: list[int]) -> Example:
    """Return a prompt and its answer as one example; only the answer counts in the loss."""
    return Example(prompt + answer, [False] * len(prompt) + [True] * len(answer))


def pad_examples(examples: Sequence[Example], padding: int = 0) -> Rows:
    """Return the examples as one batch, as wide as the longest of them.

    Raises:
        BadInput: there are no examples, or one has no token that counts. The mean loss over no
            tokens would be 0 / 0.
    """
    if not examples:
        raise BadInput("there are no examples to pad")
    width = max(len(example.tokens) for example in examples)
    tokens = torch.full((len(examples), width), padding)
    mask = torch.zeros(len(examples), width, dtype=torch.bool)
    for row, example in enumerate(examples):
        if not any(example.mask[1:]):  # nothing predicts the first token
            raise BadInput(
                f"example {row} of the batch has {len(example.tokens)} tokens and none that counts "
                "in the loss; at least one token after the first must"
            )
        tokens[row, : len(example.tokens)] = torch.tensor(example.tokens)
        mask[row, : len(example.mask)] = torch.tensor(example.mask)
    return Rows(tokens, mask, torch.tensor([len(example.tokens) for example in examples]))


class EpochSampler:
    """Row numbers of each step: every row once per epoch, shuffled by the seed.

    The rows depend on the step only, so a resumed run has no position to restore.
    """

    def __init__(self, n_rows: int, batch_size: int, seed: int) -> None:
        if n_rows < 1:
            raise BadInput("there are no rows to train on")
        self.n_rows, self.batch_size, self.seed = n_rows, batch_size, seed

    def __call__(self, step: int) -> list[int]:
        """Return the row numbers of a step; a batch may extend into the next epoch."""
        positions = range(step * self.batch_size, (step + 1) * self.batch_size)
        epochs = {position // self.n_rows for position in positions}
        orders = {
            epoch: np.random.default_rng([self.seed, epoch]).permutation(self.n_rows)
            for epoch in epochs
        }
        return [int(orders[each // self.n_rows][each % self.n_rows]) for each in positions]


def split_into_batches(items: Sequence[_Item], size: int) -> list[Sequence[_Item]]:
    """Return the items in batches of `size`, in their order; the last batch may be smaller.

    Raises:
        BadInput: the size is below 1.
    """
    if size < 1:
        raise BadInput(f"a batch must have at least 1 row, got {size}")
    return [items[begin : begin + size] for begin in range(0, len(items), size)]


def step_batches(
    items: Sequence[_Item],
    to_rows: Callable[[Sequence[_Item]], Any],
    epochs: EpochSampler,
    micro_batch_size: int,
    device: torch.device,
) -> Callable[[int], list[Any]]:
    """Return a function of the step that returns its micro-batches; under torchrun, this process's.

    Args:
        items: what the rows are made of, such as examples or pairs.
        to_rows: makes one micro-batch of its items.
        epochs: chooses the items of a step.
        micro_batch_size: items per pass through the model.
        device: the device of the model.
    """

    def batches(step: int) -> list[Any]:
        own = [items[number] for number in local_rows(epochs(step))]
        return [to_rows(part).to(device) for part in split_into_batches(own, micro_batch_size)]

    return batches
