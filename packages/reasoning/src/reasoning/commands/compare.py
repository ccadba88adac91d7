"""`reasoning compare`: our values and times next to those of trl, transformers and math-verify."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from tyro.conf import arg

from gpt.comparison.report import ComputeRows, report_comparison
from reasoning.comparison import (
    answer_rows,
    distillation_rows,
    grpo_rows,
    grpo_speed,
    grpo_steps,
    prm_rows,
    sampling_rows,
)


@dataclass(frozen=True)
class CompareConfig:
    """Compare our results and speed with those of trl, transformers and math-verify.

    The exit status is 1 if any result differs from the library's; slow rows do not count.
    """

    only: Annotated[str, arg(help_behavior_hint="(default: all groups)")] = ""
    """Compute only the groups whose name contains this text, such as `GRPO` or `distillation`."""
    speed: bool = True
    """Measure times as well, which takes some minutes."""
    json: bool = False
    """Print one JSON document instead of a table."""


def run(config: CompareConfig) -> int:
    """Compute the rows, print them, and return 1 if any result differs from the library's."""
    groups = compared_groups(config.speed)
    return report_comparison(groups, config.only, config.json, "reasoning.baselines")


def compared_groups(timed: bool) -> Iterator[tuple[str, ComputeRows]]:
    """Return the groups of rows by name, each with the function that computes them."""
    yield "GRPO losses", grpo_rows.loss_rows
    yield "GRPO steps", grpo_steps.step_rows
    yield "distillation", distillation_rows.distillation_rows
    yield "process reward model", prm_rows.prm_rows
    yield "self-consistency", partial(sampling_rows.sampling_rows, timed)
    yield "answers", answer_rows.answer_rows
    if timed:
        yield "GRPO speed, equal lengths", grpo_speed.equal_lengths_row
        yield "GRPO speed, own lengths", grpo_speed.own_lengths_row
