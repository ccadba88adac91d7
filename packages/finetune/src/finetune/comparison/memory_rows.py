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

from finetune.comparison.interleaved import SMOLLM2, untimed
from finetune.comparison.trainers import (
    dpo_loop,
    dpo_losses,
    first_answers,
    reward_loop,
    sft_loop,
)
from finetune.reward.scorer import Scorer
from finetune.sft.policy import Policy
from gpt.comparison.memory import memory_row, peak
from gpt.comparison.rows import Row
from gpt.model.config import GPTConfig
from gpt.pretrained.shapes import shape_from
from gpt.training.loop import Record

COURSE = replace(untimed(SMOLLM2), checked=3)


def memory_rows() -> list[Row]:
    """SmolLM2's shape; equal means here: not above the library's."""
    from finetune import baselines

    module, version = "finetune.comparison.memory_rows", baselines.version()
    return [
        memory_row(f"{stage}, {COURSE.size} shape, peak memory", version, module, stage)
        for stage in ("SFT", "reward", "DPO")
    ]


def our_loop(stage: str, shape: GPTConfig) -> Iterator[Record]:
    """Our loop on a model of random weights."""
    pairs = COURSE.pairs(shape.vocab_size)
    if stage == "SFT":
        return sft_loop(COURSE, pairs, Policy(shape))
    if stage == "reward":
        return reward_loop(COURSE, pairs, Scorer(shape))
    return dpo_loop(COURSE, pairs, Policy(shape), Policy(shape), dpo_losses()["sigmoid"])


def library_trainer(stage: str, settings: dict[str, Any]) -> Any:
    """The trainer of trl on the same."""
    from finetune import baselines

    pairs = COURSE.pairs(baselines.llama_shape(COURSE.size).vocab_size)
    if stage == "SFT":
        model = baselines.llama(COURSE.size)
        return baselines.sft_trainer(model, first_answers(pairs), settings)
    if stage == "reward":
        return baselines.reward_trainer(baselines.llama_scorer(COURSE.size), pairs, settings)
    models = baselines.llama(COURSE.size), baselines.llama(COURSE.size)
    return baselines.dpo_trainer(*models, pairs, settings)


def main(stage: str, side: str) -> None:
    """Three steps of one side; both import the same modules first."""
    from finetune import baselines

    before = peak()
    if side == "ours":
        for _ in our_loop(stage, shape_from(baselines.llama_shape(COURSE.size).to_dict())):
            pass
    else:
        with tempfile.TemporaryDirectory() as name:
            settings = baselines.settings(Path(name), COURSE.steps, COURSE.batch_size, COURSE.rate)
            baselines.run(library_trainer(stage, settings), lambda step: None, checked=0)
    print(peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
