"""Peak memory of three steps of a stage, each side in a process of its own.

    python -m finetune.comparison.memory_rows SFT ours
    python -m finetune.comparison.memory_rows SFT library

prints the bytes that the process needed at its highest, beyond what it held after its imports.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from finetune.comparison.interleaved import SMOLLM2_BENCHMARK, without_timing
from finetune.comparison.trainers import (
    chosen_examples,
    dpo_loop,
    dpo_losses,
    reward_loop,
    sft_loop,
)
from finetune.reward.scorer import Scorer
from finetune.sft.policy import Policy
from gpt.comparison.memory import memory_row, peak_memory_bytes
from gpt.comparison.rows import ComparisonRow
from gpt.model.config import GPTConfig
from gpt.pretrained.shapes import config_from_transformers
from gpt.training.loop import StepRecord

MEMORY_BENCHMARK = replace(without_timing(SMOLLM2_BENCHMARK), checked=3)


def memory_rows() -> list[ComparisonRow]:
    """SmolLM2's shape; equal means here: not above the library's."""
    from finetune import baselines

    module, version = "finetune.comparison.memory_rows", baselines.library_version()
    return [
        memory_row(f"{stage}, {MEMORY_BENCHMARK.size} shape, peak memory", version, module, stage)
        for stage in ("SFT", "reward", "DPO")
    ]


def our_loop(stage: str, shape: GPTConfig) -> Iterator[StepRecord]:
    """Our loop on a model of random weights."""
    pairs = MEMORY_BENCHMARK.pairs(shape.vocab_size)
    if stage == "SFT":
        return sft_loop(MEMORY_BENCHMARK, pairs, Policy(shape))
    if stage == "reward":
        return reward_loop(MEMORY_BENCHMARK, pairs, Scorer(shape))
    return dpo_loop(MEMORY_BENCHMARK, pairs, Policy(shape), Policy(shape), dpo_losses()["sigmoid"])


def library_trainer(stage: str, settings: dict[str, Any]) -> Any:
    """The trainer of trl on the same."""
    from finetune import baselines

    pairs = MEMORY_BENCHMARK.pairs(baselines.llama_config(MEMORY_BENCHMARK.size).vocab_size)
    if stage == "SFT":
        model = baselines.llama_model(MEMORY_BENCHMARK.size)
        return baselines.sft_trainer(model, chosen_examples(pairs), settings)
    if stage == "reward":
        return baselines.reward_trainer(
            baselines.llama_reward_model(MEMORY_BENCHMARK.size), pairs, settings
        )
    models = (
        baselines.llama_model(MEMORY_BENCHMARK.size),
        baselines.llama_model(MEMORY_BENCHMARK.size),
    )
    return baselines.dpo_trainer(*models, pairs, settings)


def print_peak_memory(stage: str, side: str) -> None:
    """Three steps of one side; both import the same modules first."""
    from finetune import baselines

    before = peak_memory_bytes()
    if side == "ours":
        for _ in our_loop(
            stage, config_from_transformers(baselines.llama_config(MEMORY_BENCHMARK.size).to_dict())
        ):
            pass
    else:
        with tempfile.TemporaryDirectory() as name:
            settings = baselines.training_arguments(
                Path(name),
                MEMORY_BENCHMARK.steps,
                MEMORY_BENCHMARK.batch_size,
                MEMORY_BENCHMARK.rate,
            )
            baselines.train_and_log(library_trainer(stage, settings), lambda step: None, checked=0)
    print(peak_memory_bytes() - before)


if __name__ == "__main__":
    print_peak_memory(*sys.argv[1:])
