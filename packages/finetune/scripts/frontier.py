"""Measure how close DPO and PPO come to the best possible policy: `frontier`.

    uv run python packages/finetune/scripts/frontier.py --json

Three seeds took 6 minutes on one core (torch 2.15, float32, CPU). At beta 0.3 the share of right
answers rose from the imitator's 0.32 to 0.91 with PPO and 0.82 with DPO. The best policies with the
same KL reach 0.93 and 0.99.

A small model imitates sums that are often wrong. For each seed and beta it is trained further with
DPO whose loss allows for wrong labels, with plain DPO on the same pairs, and with PPO. All answers
of each policy are enumerated, so KL and reward are exact, and so is the frontier.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from finetune.dpo.losses import dpo_loss
from finetune.optimum import experiment
from finetune.optimum.experiment import SumsExperiment, policy_point
from finetune.optimum.frontier import FrontierPoint, best_reward_at, frontier_points
from gpt.errors import BadInput
from gpt.program import Script
from gpt.recording import describe_environment

COMMAND = "uv run python packages/finetune/scripts/frontier.py --json"
BETAS = (1.0, 0.5, 0.3, 0.2)
CURVE = tuple(10 ** (1 - n / 20) for n in range(61))
"""Betas of the points on the frontier, from 10 to 0.01."""


@dataclass(frozen=True)
class Config:
    """Train with DPO and PPO at several KL coefficients and compare with the best policies."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Random seeds; each trains its own imitator and policies."""
    steps: int = experiment.PREFERENCE_LOOP.steps
    """Training steps of DPO."""
    imitation: int = experiment.IMITATION_LOOP.steps
    """Training steps of the imitator."""
    phases: int = experiment.SUMS_PPO.n_phases
    """Phases of PPO, each with fresh answers."""
    answers: int = 300
    """Pairs of answers sampled per question; two in five contain exactly one right answer."""
    betas: tuple[float, ...] = BETAS
    """KL coefficients, the same for all methods; higher = closer to the imitator."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Check that there is something to measure."""
        for name in ("seeds", "betas"):
            if not getattr(self, name):
                raise BadInput(f"{name} must hold at least one number")


def training_methods(
    task: SumsExperiment, config: Config, seed: int
) -> tuple[int, dict[str, Callable[[float], Any]]]:
    """Return the number of pairs, and for each method a function from beta to its policy."""
    pairs = experiment.sample_imitator_pairs(task, config.answers, seed)
    dpo = replace(experiment.PREFERENCE_LOOP, steps=config.steps)
    ppo = replace(experiment.SUMS_PPO, n_phases=config.phases)
    return len(pairs), {
        "dpo": lambda beta: experiment.dpo_on_sums(task, pairs, beta, seed=seed, loop=dpo),
        "dpo, nobody errs": lambda beta: experiment.dpo_on_sums(
            task, pairs, beta, dpo_loss, seed, dpo
        ),
        "ppo": lambda beta: experiment.ppo_on_sums(task, beta, seed, ppo),
    }


def measure_seed(config: Config, seed: int, report: Callable[[str], None]) -> dict[str, Any]:
    """Train with one seed; return KL and reward of all policies and of the frontier."""
    task = experiment.prepare_experiment(
        seed, replace(experiment.IMITATION_LOOP, steps=config.imitation)
    )
    n_pairs, methods = training_methods(task, config, seed)
    found = {}
    for name, policy in methods.items():
        points = [policy_point(task, policy(beta)) for beta in config.betas]
        found[name] = [point_and_best(task, point) for point in points]
        report(f"seed {seed}, {name}: {found[name]}")
    return {
        "seed": seed,
        "pairs": n_pairs,
        "reference": rounded_point(policy_point(task, task.imitator)),
        "frontier": [
            rounded_point(each) for each in frontier_points(task.reference, task.rewards, [*CURVE])
        ],
        "aims": [
            rounded_point(each)
            for each in frontier_points(task.reference, task.rewards, [*config.betas])
        ],
        "methods": found,
    }


def point_and_best(task: SumsExperiment, point: FrontierPoint) -> dict[str, float]:
    """Add the highest reward that is possible with the policy's KL."""
    best = best_reward_at(point.kl, task.reference, task.rewards)
    return rounded_point(point) | {"best": round(best, 4)}


def rounded_point(point: FrontierPoint) -> dict[str, float]:
    """Round both numbers to four digits."""
    return {name: round(number, 4) for name, number in point._asdict().items()}


def print_table(found: dict[str, Any]) -> None:
    """Print a line per policy."""
    print(f"{'seed':>4}  {'method':16}{'beta':>5}{'KL':>8}{'reward':>8}{'best':>8}")
    for each in found["runs"]:
        for name, points in each["methods"].items():
            for beta, point in zip(found["betas"], points, strict=True):
                numbers = "".join(f"{point[key]:8.3f}" for key in ("kl", "reward", "best"))
                print(f"{each['seed']:4}  {name:16}{beta:5}{numbers}")


def main(config: Config) -> int:
    """Train with every seed and print the report."""
    torch.set_num_threads(1)
    runs = [
        measure_seed(config, seed, lambda line: print(line, file=sys.stderr))
        for seed in config.seeds
    ]
    found = {
        "command": COMMAND,
        "betas": config.betas,
        "curve": [round(beta, 4) for beta in CURVE],
        "imitation": config.imitation,
        "steps": config.steps,
        "phases": config.phases,
        "answers": config.answers,
        "runs": runs,
        "cpu_minutes": round(time.process_time() / 60, 1),
        **describe_environment(torch.device("cpu")),
    }
    if config.json:
        print(json.dumps(found, indent=1))
    else:
        print_table(found)
    return 0


if __name__ == "__main__":
    sys.exit(Script("frontier", Config, main).main())
