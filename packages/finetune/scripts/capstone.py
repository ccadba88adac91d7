"""Train the whole pipeline with three seeds and report intervals over the seeds.

    uv run python packages/finetune/scripts/capstone.py --json > capstone.json

For each seed: base, SFT, reward model, DPO and PPO, as in `finetune demo` but longer; then PPO
again, paid by a reward model that has never seen the model's own answers, and with a KL at a tenth
of the price. That one is hacked. All are asked the same held-out questions.

Seeds 0, 1 and 2 took 37 minutes of two threads, the three bases lying there (torch 2.15, CPU). The
true reward of drawn answers rose by 0.035 by DPO and 0.029 by PPO, and fell by 0.225 when hacked.
"""

import json
import platform
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from finetune.evaluation.answers_report import print_intervals
from finetune.evaluation.intervals import mean_over_seeds
from finetune.evaluation.reward_report import reward_report
from finetune.pipeline import Pipeline, PipelineSizes, documentation_pairs, pairs_from_model
from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.program import Script
from gpt.runs.folder import RunFolder

MODELS = ("base", "sft", "dpo", "ppo", "ppo-hacked")


@dataclass(frozen=True)
class Config:
    """Train every stage with several seeds and report means with intervals over the seeds."""

    runs: Path = Path("runs/capstone")
    """Folder of the runs; each seed has its own folder in it."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds, at least two."""
    sizes: tyro.conf.OmitArgPrefixes[PipelineSizes] = field(default_factory=PipelineSizes)
    """Length of each stage."""
    json: bool = False
    """Print one JSON document instead of tables."""

    def __post_init__(self) -> None:
        """Check that there are two seeds.

        Raises:
            BadInput: there are fewer, so there is no interval.
        """
        if len(set(self.seeds)) < 2:
            raise BadInput(f"an interval over seeds needs two of them, got {self.seeds}")


def one_seed(config: Config, seed: int) -> dict[str, Any]:
    """Train all stages with one seed and evaluate them."""
    pipeline = Pipeline(config.runs / str(seed), config.sizes, seed)
    sft = pipeline.sft(pipeline.base())
    documented = documentation_pairs(config.sizes, seed)
    own = pairs_from_model(sft, config.sizes, seed)
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
        "phases": {name: phases(pipeline.runs / name) for name in ("ppo", "ppo-hacked")},
    }


def phases(run: Path) -> dict[str, list[float]]:
    """Score, KL and length of the answers in each phase of PPO."""
    records = list(RunFolder(run).records())
    return {name: [round(each[name], 3) for each in records] for name in ("score", "kl", "length")}


def over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means with their intervals over the seeds."""

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


def show(found: dict[str, Any]) -> None:
    """Print the intervals over the seeds as tables."""
    for name in ("greedy", "standing", "reward"):
        print(f"{name}: mean over seeds with its 95 % interval")
        print_intervals(found["over_seeds"][name])


def main(config: Config) -> int:
    """Train and evaluate all seeds, then print the report."""
    began = time.perf_counter()
    runs = [one_seed(config, seed) for seed in config.seeds]
    found = {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "over_seeds": over_seeds(runs),
        "seeds": runs,
        "device": str(pick_device("auto")),
        "threads": torch.get_num_threads(),
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    if config.json:
        print(json.dumps(found, indent=1))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(Script("capstone", Config, main).main())
