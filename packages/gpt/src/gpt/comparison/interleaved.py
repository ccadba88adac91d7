"""Steps of our training loop and of a trainer, taken in turns.

Between two steps of the trainer we take one, so anything that slows the machine slows both. A step
covers everything from one update of the weights to the next.
"""

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from torch import nn

from gpt.comparison.rows import max_abs_difference_by_name
from gpt.model.gpt import GPT
from gpt.pretrained.weights import weights_from_transformers


class RecordWithLoss(Protocol):
    """Record of a step or phase of one of our training loops."""

    @property
    def loss(self) -> float:
        """Loss before the last update."""
        ...


class InterleavedSteps:
    """Take one step of ours after each step of the trainer, and time both."""

    def __init__(
        self,
        ours: Iterator[RecordWithLoss],
        measure_difference: Callable[[], float],
        checked_steps: int,
    ) -> None:
        self.ours, self.measure_difference = ours, measure_difference
        self.checked_steps = checked_steps
        self.losses: list[float] = []
        self.our_times: list[float] = []
        self.their_times: list[float] = []
        self.weight_difference = float("inf")
        self.step_start = time.perf_counter()

    def __call__(self, step: int) -> None:
        """Run our step once the trainer has finished step `step`."""
        middle = time.perf_counter()
        self.losses.append(next(self.ours).loss)
        end = time.perf_counter()
        self.their_times.append(middle - self.step_start)
        self.our_times.append(end - middle)
        if step == self.checked_steps:
            self.weight_difference = self.measure_difference()
        self.step_start = time.perf_counter()


def largest_weight_difference(ours: GPT, theirs: nn.Module) -> float:
    """Return the largest difference between two weights that have the same name here."""
    weights = dict(theirs.state_dict())
    # a scorer's head has one name on both sides
    head = {"score.weight": weights.pop("score.weight")} if "score.weight" in weights else {}
    renamed = weights_from_transformers(weights, ours.config) | head
    return max_abs_difference_by_name(dict(ours.state_dict()), renamed)
