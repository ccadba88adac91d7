"""`finetune compare`: our values and times next to those of trl, peft and torchrl, row by row."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

from tyro.conf import arg

from finetune.comparison import lora_rows, memory_rows, ppo_rows, preference_rows, trainers
from finetune.comparison.interleaved import SMOLLM2_BENCHMARK, TINY_BENCHMARK
from gpt.comparison.report import ComputeRows, report_comparison


@dataclass(frozen=True)
class CompareConfig:
    """Compare our results and speed with those of trl, peft and torchrl.

    The exit status is 1 if any result differs from the library's; slow rows do not count.
    """

    only: Annotated[str, arg(help_behavior_hint="(default: all groups)")] = ""
    """Compute only the groups whose name contains this text, such as `DPO` or `LoRA`."""
    speed: bool = True
    """Measure times as well, which takes many minutes at SmolLM2's shape."""
    json: bool = False
    """Print one JSON document instead of a table."""


def run(config: CompareConfig) -> int:
    """Compute the rows, print them, and return 1 if any result differs from the library's."""
    return report_comparison(
        all_groups(config.speed), config.only, config.json, "finetune.baselines"
    )


def all_groups(timed: bool) -> Iterator[tuple[str, ComputeRows]]:
    """Return the groups of rows by name, each with the function that computes them."""
    tiny = TINY_BENCHMARK if timed else replace(TINY_BENCHMARK, timed_steps=0)
    yield "SFT tiny", partial(trainers.sft_trainer_rows, tiny, 1.2)
    yield "reward tiny", partial(trainers.reward_trainer_rows, tiny, 1.2)
    for kind in trainers.dpo_losses():
        yield f"DPO {kind} tiny", partial(trainers.dpo_trainer_rows, tiny, 1.3, kind)
    yield "LoRA", lora_rows.lora_rows
    yield "preference losses", preference_rows.preference_rows
    yield "PPO torchrl", ppo_rows.torchrl_rows
    yield "PPO recorded", ppo_rows.recorded_rows
    if timed:
        yield from timed_groups()


def timed_groups() -> Iterator[tuple[str, ComputeRows]]:
    """Return the groups that measure only time and memory."""
    yield "LoRA step tiny", partial(lora_rows.lora_step_row, "tiny", 1.2)
    yield "SFT smollm2", partial(trainers.sft_trainer_rows, SMOLLM2_BENCHMARK, 1.0)
    yield "reward smollm2", partial(trainers.reward_trainer_rows, SMOLLM2_BENCHMARK, 1.0)
    yield "DPO smollm2", partial(trainers.dpo_trainer_rows, SMOLLM2_BENCHMARK, 1.0)
    yield "LoRA step smollm2", partial(lora_rows.lora_step_row, "smollm2", 1.0)
    if os.name == "posix":
        yield "memory smollm2", memory_rows.memory_rows
