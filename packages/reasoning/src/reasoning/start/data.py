"""The rows of a training step: a mix of tasks, drawn anew at every step.

    countdown, four numbers, 1 to 4 attempts     41 of 83 rows, on average
    countdown, three numbers, 1 to 4 attempts    10
    countdown, four numbers, direct answer       16
    chain, with its reasoning                     8
    chain, direct answer                          8

The shares are those of the first trials and were not tuned further; direct answers are there for
comparison.

No row is seen twice, so the model cannot memorise them, and a training run has no epochs. A row
depends on the seed, the step and its number only: a resumed run continues with the same rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

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
from reasoning.tasks.vocabulary import MAX_ATTEMPTS

MIX = (41, 10, 16, 8, 8)
CHAIN_LENGTHS = range(4, 9)
"""Numbers of operations in a chain."""


@dataclass(frozen=True)
class Tasks:
    """The problems of a model, without those that are held out."""

    four: PuzzleSplit
    """Countdown with four numbers, the task of all methods."""
    three: PuzzleSplit
    """Countdown with three numbers, which is easier."""
    chain_operand: int
    """Largest operand of chains."""
    chain_operations: int
    """Operations that a line of a chain's trace calculates at once; more make it harder."""
    max_attempts: int = MAX_ATTEMPTS
    """Most attempts in a training trace of countdown."""

    @classmethod
    def load(
        cls, chain_operand: int, chain_operations: int, max_attempts: int = MAX_ATTEMPTS
    ) -> "Tasks":
        """Enumerate all puzzles and hold out 200 multisets of four numbers, and 50 of three."""
        four, three = split_by_multiset(all_puzzles(4)), split_by_multiset(all_puzzles(3), 50)
        return cls(four, three, chain_operand, chain_operations, max_attempts)

    def sample_chain(self, random: np.random.Generator) -> Chain:
        """Draw a chain of 4 to 8 operations."""
        n_operations = int(random.integers(CHAIN_LENGTHS.start, CHAIN_LENGTHS.stop))
        return sample_chain(random, n_operations, self.chain_operand)


def sample_puzzle(puzzles: tuple[Puzzle, ...], random: np.random.Generator) -> Puzzle:
    """Draw a puzzle, with its numbers in random order."""
    numbers, target = puzzles[random.integers(len(puzzles))]
    return Puzzle(tuple(int(number) for number in random.permutation(numbers)), target)


def sample_example(tasks: Tasks, random: np.random.Generator) -> Example:
    """Draw one row of the mix."""
    kind, n_attempts = random.integers(sum(MIX)), int(random.integers(1, tasks.max_attempts + 1))
    four, three, direct, chain, _ = accumulate(MIX)
    if kind < four:
        return countdown_trace(sample_puzzle(tasks.four.train, random), n_attempts, random)
    if kind < three:
        return countdown_trace(sample_puzzle(tasks.three.train, random), n_attempts, random)
    if kind < direct:
        return direct_trace(sample_puzzle(tasks.four.train, random), random)
    if kind < chain:
        return chain_trace(tasks.sample_chain(random), tasks.chain_operations)
    return direct_chain_trace(tasks.sample_chain(random))


def training_batches(
    tasks: Tasks, batch_size: int, micro_batch_size: int, seed: int, device: torch.device
) -> Callable[[int], list[Rows]]:
    """Return a function that gives the micro-batches of a step; under torchrun, of this process.

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
