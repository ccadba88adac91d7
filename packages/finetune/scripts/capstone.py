"""Run all stages with three seeds and report intervals: `capstone`.

    uv run python packages/finetune/scripts/capstone.py --json > capstone.json

For each seed: base, SFT, reward model, DPO and PPO, as in `finetune demo` but longer. Then PPO
again, with a reward model that has never seen the model's own answers and a tenth of the KL
coefficient; that policy hacks its reward. All models answer the same held-out questions.

Seeds 0, 1 and 2 took 37 minutes on two threads, with the three bases already trained (torch 2.15,
CPU). The true reward of sampled answers rose by 0.035 with DPO and by 0.029 with PPO, and fell by
0.225 when hacked.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from finetune.assistant.assistant import load_assistant
from finetune.assistant.sampled_pairs import sample_ranked_pairs
from finetune.evaluation.answers_report import print_intervals
from finetune.evaluation.reward_report import reward_report
from finetune.pipeline import Pipeline, PipelineSizes, documentation_pairs
from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.evaluation.intervals import mean_over_seeds
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.runs.folder import RunFolder

MODELS = ("base", "sft", "dpo", "ppo", "ppo-hacked")


@dataclass(frozen=True)
class Config:
    """Run all stages with each seed and report means over the seeds, with intervals."""

    runs: Path = Path("runs/capstone")
    """Folder for the runs; each seed gets a subfolder."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Random seeds, at least two; each gets its own models."""
    sizes: tyro.conf.OmitArgPrefixes[PipelineSizes] = field(default_factory=PipelineSizes)
    """Steps, phases and examples of each stage."""
    json: bool = False
    """Print one JSON document instead of tables."""

    def __post_init__(self) -> None:
        """Check that there are two seeds.

        Raises:
            BadInput: there are fewer, so there is no interval.
        """
        if len(set(self.seeds)) < 2:
            raise BadInput(f"an interval needs at least two different seeds, got {self.seeds}")


def one_seed(config: Config, seed: int) -> dict[str, Any]:
    """Train all stages with one seed and evaluate them."""
    pipeline = Pipeline(config.runs / str(seed), config.sizes, seed)
    sft = pipeline.sft(pipeline.base())
    documented = documentation_pairs(config.sizes, seed)
    own = sample_ranked_pairs(load_assistant(sft), config.sizes.n_sampled_questions, seed)
    pipeline.dpo(sft, own)
    judges = {
        "reward": pipeline.reward(sft, documented + own),
        "reward-documented": pipeline.reward(sft, documented, "reward-documented"),
    }
    pipeline.ppo(sft, judges["reward"])
    pipeline.ppo(sft, judges["reward-documented"], "ppo-hacked", kl_coef=0.02)
    return {
        "seed": seed,
        **pipeline.evaluate(MODELS, n_samples=5),
        "reward": {
            f"{name} on {kind}": reward_report(Path(judge), pairs.held_out)
            for name, judge in judges.items()
            for kind, pairs in (("documented", documented), ("own", own))
        },
        "phases": {name: phase_curves(pipeline.runs / name) for name in ("ppo", "ppo-hacked")},
    }


def phase_curves(run: Path) -> dict[str, list[float]]:
    """Return score, KL from the reference and answer length of each phase of PPO."""
    records = list(RunFolder(run).read_log())
    return {name: [round(each[name], 3) for each in records] for name in ("score", "kl", "length")}


def over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Average the measurements over the seeds, with intervals."""

    def interval(*path: str) -> list[float]:
        found: list[Any] = runs
        for key in path:
            found = [each[key] for each in found]
        return list(mean_over_seeds(np.array([estimate for estimate, _, _ in found])))

    first = runs[0]
    return {
        "greedy": {
            model: {name: interval("models", model, name) for name in found if name != "model"}
            for model, found in first["models"].items()
        },
        "standing": {
            model: {name: interval("standing", model, name) for name in found}
            for model, found in first["standing"].items()
        },
        "reward": {
            name: {
                judge: interval("reward", name, judge, "accuracy")
                for judge in ("model", "length", "overlap")
            }
            for name in first["reward"]
        },
    }


def print_tables(found: dict[str, Any]) -> None:
    """Print the means over the seeds as tables."""
    for name in ("greedy", "standing", "reward"):
        print(f"{name}: mean over seeds with its 95 % interval")
        print_intervals(found["over_seeds"][name])


def main(config: Config) -> int:
    """Train and evaluate every seed, then print the report."""
    began = time.perf_counter()
    runs = [one_seed(config, seed) for seed in config.seeds]
    found = {
        "over_seeds": over_seeds(runs),
        "seeds": runs,
        **measurement_conditions(pick_device("auto"), began),
    }
    if config.json:
        print(json.dumps(found, indent=1))
    else:
        print_tables(found)
    return 0


if __name__ == "__main__":
    sys.exit(Script("capstone", Config, main).main())
