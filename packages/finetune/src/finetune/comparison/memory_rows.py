"""Peak memory of three training steps, each side in its own process.

    python -m finetune.comparison.memory_rows SFT ours
    python -m finetune.comparison.memory_rows SFT library

prints the peak memory of the process in bytes, minus what it held after its imports.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from finetune.comparison.interleaved import SMOLLM2_BENCHMARK
from finetune.comparison.trainers import (
    chosen_examples,
    dpo_loop,
    dpo_losses,
    reward_loop,
    sft_loop,
)
from finetune.reward.scorer import Scorer
from gpt.comparison.memory import memory_row, peak_memory_bytes
from gpt.comparison.rows import ComparisonRow
from gpt.model.config import GPTConfig
from gpt.policy.policy import Policy
from gpt.pretrained.shapes import config_from_transformers
from gpt.training.loop import StepRecord

MEMORY_BENCHMARK = replace(SMOLLM2_BENCHMARK, timed_steps=0, checked_steps=3)


def memory_rows() -> list[ComparisonRow]:
    """Compare peak memory at SmolLM2's shape; a row is equal if ours is not above the library's."""
    from gpt.baselines import library_version

    module, version = "finetune.comparison.memory_rows", library_version("trl")
    return [
        memory_row(f"{stage}, {MEMORY_BENCHMARK.size} shape, peak memory", version, module, stage)
        for stage in ("SFT", "reward", "DPO")
    ]


def our_loop(stage: str, shape: GPTConfig) -> Iterator[StepRecord]:
    """Return our training loop of a stage, on a model with random weights."""
    pairs = MEMORY_BENCHMARK.pairs(shape.vocab_size)
    if stage == "SFT":
        return sft_loop(MEMORY_BENCHMARK, pairs, Policy(shape))
    if stage == "reward":
        return reward_loop(MEMORY_BENCHMARK, pairs, Scorer(shape))
    return dpo_loop(MEMORY_BENCHMARK, pairs, Policy(shape), Policy(shape), dpo_losses()["sigmoid"])


def library_trainer(stage: str, arguments: dict[str, Any]) -> Any:
    """Build trl's trainer of a stage, on a model of the same shape."""
    from finetune import baselines

    size = MEMORY_BENCHMARK.size
    pairs = MEMORY_BENCHMARK.pairs(baselines.llama_config(size).vocab_size)
    if stage == "SFT":
        examples = chosen_examples(pairs)
        return baselines.sft_trainer(baselines.llama_model(size), examples, arguments)
    if stage == "reward":
        return baselines.reward_trainer(baselines.llama_reward_model(size), pairs, arguments)
    policy, reference = baselines.llama_model(size), baselines.llama_model(size)
    return baselines.dpo_trainer(policy, reference, pairs, arguments)


def print_peak_memory(stage: str, side: str) -> None:
    """Run one side and print its peak; both sides import the same modules first."""
    from finetune import baselines
    from gpt.comparison.baselines import train_and_log, training_arguments

    before = peak_memory_bytes()
    if side == "ours":
        library_config = baselines.llama_config(MEMORY_BENCHMARK.size)
        for _ in our_loop(stage, config_from_transformers(library_config.to_dict())):
            pass
    else:
        run = MEMORY_BENCHMARK
        with tempfile.TemporaryDirectory() as name:
            arguments = training_arguments(Path(name), run.steps, run.batch_size, run.rate)
            trainer = library_trainer(stage, arguments)
            train_and_log(trainer, lambda step: None, n_logged=0)
    print(peak_memory_bytes() - before)


if __name__ == "__main__":
    print_peak_memory(*sys.argv[1:])
