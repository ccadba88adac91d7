"""Ours and a trainer of trl on the same weights and batches, taking steps in turn.

A step covers everything from one update of the weights to the next: making the batch, both passes,
clipping, the optimizer, and logging. Building models and trainers is not timed.
"""

import random
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from torch import nn

from finetune.dpo.pairs import TokenPair
from gpt.comparison.interleaved import InterleavedSteps, largest_weight_difference
from gpt.comparison.rows import ComparisonRow
from gpt.model.gpt import GPT
from gpt.policy.rows import Rows
from gpt.training.loop import LoopConfig, StepRecord

_Item = TypeVar("_Item")

LOSS_TOLERANCE = 1e-5
WEIGHT_TOLERANCE = 2e-5
"""A fifth of what one step may change a weight by. Where both gradients are only rounding errors,
AdamW still takes a step of the usual length."""


@dataclass(frozen=True)
class Benchmark:
    """Model size, steps and batches of both trainers."""

    size: str
    """Size of the model, as in `finetune.baselines`."""
    checked_steps: int
    """First steps, whose losses are compared; they also warm up."""
    timed_steps: int
    """Steps after those; 0 skips timing."""
    batch_size: int
    """Rows or pairs per step."""
    min_tokens: int
    """Fewest tokens of a prompt, and of an answer without its stop token."""
    max_tokens: int
    """Most tokens of a prompt, and of an answer without its stop token."""
    rate: float = 1e-4
    """Learning rate of all steps."""

    @property
    def steps(self) -> int:
        """Checked and timed steps together."""
        return self.checked_steps + self.timed_steps

    def loop(self) -> LoopConfig:
        """Return the trainers' defaults: AdamW without decay, gradients clipped to norm 1."""
        return LoopConfig(
            steps=self.steps,
            learning_rate=self.rate,
            warmup_ratio=0.0,
            min_lr_ratio=1.0,
            beta2=0.999,
            weight_decay=0.0,
        )

    def pairs(self, vocab_size: int) -> list[TokenPair]:
        """Draw random ids for all steps; answers end with 0, and 1 (padding) never occurs."""
        draw = random.Random(0)
        pairs = []
        for _ in range(self.steps * self.batch_size):
            lengths = (draw.randint(self.min_tokens, self.max_tokens) for _ in range(3))
            prompt, chosen, rejected = (
                [draw.randrange(2, vocab_size) for _ in range(length)] for length in lengths
            )
            pairs.append(TokenPair(prompt, [*chosen, 0], [*rejected, 0]))
        return pairs

    def batches(
        self, items: Sequence[_Item], to_rows: Callable[[Sequence[_Item]], Rows]
    ) -> Callable[[int], list[Rows]]:
        """Return a function of the step that makes one batch of its items, in order."""

        def batch(step: int) -> list[Rows]:
            begin = step * self.batch_size
            return [to_rows(items[begin : begin + self.batch_size])]

        return batch


TINY_BENCHMARK = Benchmark(
    "tiny", checked_steps=5, timed_steps=40, batch_size=8, min_tokens=4, max_tokens=24
)
SMOLLM2_BENCHMARK = Benchmark(
    "smollm2", checked_steps=2, timed_steps=2, batch_size=4, min_tokens=32, max_tokens=96
)


class OurRun(NamedTuple):
    """Our model and the loop that trains it."""

    model: GPT
    steps: Iterator[StepRecord]


class LibraryRun(NamedTuple):
    """The library's model and a function from training arguments to its trainer."""

    model: nn.Module
    make_trainer: Callable[[dict[str, Any]], Any]


def benchmark_rows(
    name: str, benchmark: Benchmark, ours: OurRun, library: LibraryRun, floor: float
) -> list[ComparisonRow]:
    """Compare losses, times, and the weights after the checked steps, in two rows."""
    from gpt.baselines import library_version
    from gpt.comparison.baselines import train_and_log, training_arguments

    n_checked = benchmark.checked_steps
    interleaved = InterleavedSteps(
        ours.steps, lambda: largest_weight_difference(ours.model, library.model), n_checked
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = training_arguments(
            Path(folder), benchmark.steps, benchmark.batch_size, benchmark.rate
        )
        logged = train_and_log(library.make_trainer(arguments), interleaved, n_checked)
    both = zip(interleaved.losses[:n_checked], logged[:n_checked], strict=True)
    largest = max(abs(a - b) for a, b in both)
    what = f"{name}, {benchmark.size} shape, {n_checked} steps"
    version = library_version("trl")
    row = ComparisonRow(f"{what}: losses", version, largest, LOSS_TOLERANCE)
    if benchmark.timed_steps:
        ours_s, library_s = (
            statistics.median(times[n_checked:])
            for times in (interleaved.our_times, interleaved.their_times)
        )
        row = replace(row, ours_s=ours_s, library_s=library_s, floor=floor)
    difference = interleaved.weight_difference
    return [row, ComparisonRow(f"{what}: weights", version, difference, WEIGHT_TOLERANCE)]
