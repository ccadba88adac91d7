"""Ours and a trainer of trl on the same weights and batches, step by step in turn.

Between two steps of the trainer ours takes one, so whatever slows the machine slows both. A step
is all that happens from one update of the weights to the next: making the batch, both passes,
clipping, the optimizer, and what is reported. Building models and trainers is not timed.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from finetune.dpo.pairs import TokenPair
from gpt.comparison.rows import ComparisonRow, max_abs_difference_by_name
from gpt.model.config import GPTConfig
from gpt.pretrained.weights import weights_from_transformers
from gpt.training.loop import LoopConfig, StepRecord

LOSS_TOLERANCE = 1e-5
"""Of a loss."""
WEIGHT_TOLERANCE = 2e-5
"""Of a weight: a fifth of what one step may move it by. AdamW gives a gradient of next to nothing,
where the two round apart, the same length of step as any other."""


@dataclass(frozen=True)
class Benchmark:
    """What both sides run."""

    size: str
    """Of the model, as in `finetune.baselines`."""
    checked: int
    """The first steps, whose losses are compared; they are the warm-up too."""
    timed: int
    """Steps after those; 0 where no time is wanted."""
    batch_size: int
    """Rows of a step, or pairs."""
    shortest: int
    """Fewest tokens of a prompt, and of an answer without its stop token."""
    longest: int
    """Most of them."""
    rate: float = 1e-4
    """Learning rate, the same in all steps."""

    @property
    def steps(self) -> int:
        """All of them."""
        return self.checked + self.timed

    def loop(self) -> LoopConfig:
        """What the trainers do unasked: AdamW without decay, gradients clipped to length 1."""
        return LoopConfig(
            steps=self.steps,
            learning_rate=self.rate,
            warmup=0.0,
            final_rate=1.0,
            beta2=0.999,
            weight_decay=0.0,
        )

    def pairs(self, vocab_size: int) -> list[TokenPair]:
        """Random ids; an answer ends with 0, and none is 1, which pads."""
        draw = random.Random(0)

        def text() -> list[int]:
            length = draw.randint(self.shortest, self.longest)
            return [draw.randrange(2, vocab_size) for _ in range(length)]

        n_pairs = self.steps * self.batch_size
        return [TokenPair(text(), [*text(), 0], [*text(), 0]) for _ in range(n_pairs)]

    def of_step(self, items: list[Any], step: int) -> list[Any]:
        """The rows or pairs of a step, in their order."""
        return items[step * self.batch_size : (step + 1) * self.batch_size]


TINY_BENCHMARK = Benchmark("tiny", checked=5, timed=40, batch_size=8, shortest=4, longest=24)
SMOLLM2_BENCHMARK = Benchmark("smollm2", checked=2, timed=2, batch_size=4, shortest=32, longest=96)


def without_timing(course: Benchmark) -> Benchmark:
    """The same without a clock."""
    return replace(course, timed=0)


class BenchmarkedTrainer(NamedTuple):
    """One of the two that take turns."""

    model: Any
    run: Any
    """Ours: the loop. The library's: makes a trainer from its settings."""


class InterleavedSteps:
    """Takes a step of ours after each one of the trainer's, and keeps the time of both."""

    def __init__(
        self, ours: Iterator[StepRecord], at_check: Callable[[], float], checked: int
    ) -> None:
        self.ours, self.at_check, self.checked = ours, at_check, checked
        self.losses: list[float] = []
        self.our_times: list[float] = []
        self.their_times: list[float] = []
        self.apart = float("inf")
        self.begin = time.perf_counter()

    def __call__(self, step: int) -> None:
        """What the trainer calls when it has done so many steps."""
        middle = time.perf_counter()
        self.losses.append(next(self.ours).loss)
        end = time.perf_counter()
        self.their_times.append(middle - self.begin)
        self.our_times.append(end - middle)
        if step == self.checked:
            self.apart = self.at_check()
        self.begin = time.perf_counter()


def benchmark_rows(
    name: str, course: Benchmark, ours: BenchmarkedTrainer, theirs: BenchmarkedTrainer, floor: float
) -> list[ComparisonRow]:
    """Two rows: losses and times, and the weights when the steps that are compared are over."""
    from finetune import baselines

    turns = InterleavedSteps(
        ours.run, lambda: largest_weight_difference(ours.model, theirs.model), course.checked
    )
    with tempfile.TemporaryDirectory() as folder:
        options = baselines.training_arguments(
            Path(folder), course.steps, course.batch_size, course.rate
        )
        reported = baselines.train_and_log(theirs.run(options), turns, course.checked)
    both = zip(turns.losses[: course.checked], reported[: course.checked], strict=True)
    largest = max(abs(a - b) for a, b in both)
    first, library = (
        f"{name}, {course.size} shape, {course.checked} steps",
        baselines.library_version(),
    )
    row = ComparisonRow(f"{first}: losses", library, largest, LOSS_TOLERANCE)
    if course.timed:
        ours_s, library_s = (
            statistics.median(times[course.checked :])
            for times in (turns.our_times, turns.their_times)
        )
        row = replace(row, ours_s=ours_s, library_s=library_s, floor=floor)
    return [row, ComparisonRow(f"{first}: weights", library, turns.apart, WEIGHT_TOLERANCE)]


def largest_weight_difference(ours: nn.Module, theirs: nn.Module) -> float:
    """The largest difference of any weight."""
    config: Any = ours.config
    return max_abs_difference_by_name(
        dict(ours.state_dict()), rename_weights(dict(theirs.state_dict()), config)
    )


def rename_weights(theirs: dict[str, Any], config: GPTConfig) -> dict[str, Any]:
    """The weights by our names; the head of a scorer has the same name on both sides."""
    heads = {name: theirs.pop(name) for name in ("score.weight",) if name in theirs}
    return weights_from_transformers(theirs, config) | heads
