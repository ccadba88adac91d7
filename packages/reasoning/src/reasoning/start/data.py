"""The rows of a training step: a mix of tasks, drawn anew at every step.

    countdown, four numbers, 1 to 4 attempts     41 of 83 rows
    countdown, three numbers, 1 to 4 attempts    10
    countdown, four numbers, answered at once    16
    chain, with its steps                         8
    chain, answered at once                       8

No row is seen twice, so the model cannot memorise them, and a training run has no epochs. A row
depends on the seed, the step and its number only: a resumed run continues with the same rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from gpt.policy.rows import Example, Rows, pad_examples, split_into_batches
from gpt.runs.processes import local_rows
from reasoning.start.traces import (
    chain_trace,
    countdown_trace,
    direct_chain_trace,
    direct_trace,
)
from reasoning.tasks.chain import Chain, sample_chain
from reasoning.tasks.countdown import Puzzle, PuzzleSplit, all_puzzles, split_by_multiset

MAX_ATTEMPTS = 4
"""Attempts in a trace; models continue beyond as many as they were trained on only badly."""
CHAIN_STEPS = range(4, 9)
"""Numbers of operations in a chain."""


@dataclass(frozen=True)
class Tasks:
    """The problems of a model, without those that are held out."""

    four: PuzzleSplit
    """Countdown with four numbers, the task of all methods."""
    three: PuzzleSplit
    """Countdown with three numbers, which is easier."""
    largest_operand: int
    """Largest operand of chains."""
    operations_per_line: int
    """Operations that a line of a chain's trace calculates at once; more make it harder."""

    @classmethod
    def load(cls, largest_operand: int, operations_per_line: int) -> "Tasks":
        """Enumerate all puzzles and hold out 200 multisets of four numbers, and 50 of three."""
        four, three = split_by_multiset(all_puzzles(4)), split_by_multiset(all_puzzles(3), 50)
        return cls(four, three, largest_operand, operations_per_line)

    def sample_chain(self, random: np.random.Generator) -> Chain:
        """Draw a chain of 4 to 8 operations."""
        n_steps = int(random.integers(CHAIN_STEPS.start, CHAIN_STEPS.stop))
        return sample_chain(random, n_steps, self.largest_operand)


def sample_puzzle(puzzles: tuple[Puzzle, ...], random: np.random.Generator) -> Puzzle:
    """Draw a puzzle, with its numbers in random order."""
    numbers, target = puzzles[random.integers(len(puzzles))]
    return Puzzle(tuple(int(number) for number in random.permutation(numbers)), target)


def sample_example(tasks: Tasks, random: np.random.Generator) -> Example:
    """Draw one row of the mix."""
    place, n_attempts = random.integers(83), int(random.integers(1, MAX_ATTEMPTS + 1))
    if place < 41:
        return countdown_trace(sample_puzzle(tasks.four.train, random), n_attempts, random)
    if place < 51:
        return countdown_trace(sample_puzzle(tasks.three.train, random), n_attempts, random)
    if place < 67:
        return direct_trace(sample_puzzle(tasks.four.train, random), random)
    chain = tasks.sample_chain(random)
    if place < 75:
        return chain_trace(chain, tasks.operations_per_line)
    return direct_chain_trace(chain)


def training_batches(
    tasks: Tasks, batch_size: int, micro_batch_size: int, seed: int, device: torch.device
) -> Callable[[int], list[Rows]]:
    """Return a function from a step to its micro-batches; under torchrun, this process's.

    Rows of similar length share a micro-batch, so that little of it is padding.
    """

    def batches(step: int) -> list[Rows]:
        examples = [
            sample_example(tasks, np.random.default_rng([seed, step, row]))
            for row in local_rows(range(batch_size))
        ]
        examples.sort(key=lambda example: len(example.tokens))
        parts = split_into_batches(examples, micro_batch_size)
        return [pad_examples(part).to(device) for part in parts]

    return batches
