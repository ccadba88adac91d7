"""Measure how close DPO and PPO come to the best possible policy, see `frontier_points`.

    uv run python packages/finetune/scripts/frontier.py --json

Three seeds took 6 minutes of one core (torch 2.15, float32, CPU). At a beta of 0.3 the imitator's
0.32 of right answers became 0.91 by PPO and 0.82 by DPO; with the KL that they spent, 0.93 and 0.99
were possible.

One small model imitates sums that are often wrong. From it, for each seed and each beta: DPO with
readers who err, DPO on the same pairs as if nobody erred, and PPO. All answers of every policy are
listed, so a KL and a reward here are exact, and so is the frontier above them.
"""

import json
import platform
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

COMMAND = "uv run python packages/finetune/scripts/frontier.py --json"
BETAS = (1.0, 0.5, 0.3, 0.2)
CURVE = tuple(10 ** (1 - n / 20) for n in range(61))
"""Betas that the frontier is drawn from, 10 to 0.01."""


@dataclass(frozen=True)
class Config:
    """Measure how close DPO and PPO come to the best possible policy."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds; each has its own imitator, pairs and policies."""
    steps: int = experiment.PREFERENCE_LOOP.steps
    """Updates of DPO."""
    imitation: int = experiment.IMITATION_LOOP.steps
    """Updates of the imitator."""
    phases: int = experiment.SUMS_PPO.n_phases
    """Phases of PPO."""
    answers: int = 300
    """Pairs of answers sampled per question; two of five contain exactly one correct answer."""
    betas: tuple[float, ...] = BETAS
    """KL coefficients, the same for all methods."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Check that there are seeds and betas.

        Raises:
            BadInput: there are none.
        """
        for name in ("seeds", "betas"):
            if not getattr(self, name):
                raise BadInput(f"{name} must contain at least one number")


def policies(
    made: SumsExperiment, config: Config, seed: int
) -> tuple[int, dict[str, Callable[[float], Any]]]:
    """Return the number of pairs, and each method's function that trains a policy at a beta."""
    pairs = experiment.sample_imitator_pairs(made, config.answers, seed)
    dpo = replace(experiment.PREFERENCE_LOOP, steps=config.steps)
    ppo = replace(experiment.SUMS_PPO, n_phases=config.phases)
    return len(pairs), {
        "dpo": lambda beta: experiment.train_dpo_on_sums(made, pairs, beta, seed=seed, loop=dpo),
        "dpo, nobody errs": lambda beta: experiment.train_dpo_on_sums(
            made, pairs, beta, dpo_loss, seed, dpo
        ),
        "ppo": lambda beta: experiment.train_ppo_on_sums(made, beta, seed, ppo),
    }


def run(config: Config, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train an imitator and all policies, and return their points and the frontier."""
    made = experiment.prepare_experiment(
        seed, replace(experiment.IMITATION_LOOP, steps=config.imitation)
    )
    n_pairs, methods = policies(made, config, seed)
    found = {}
    for name, policy in methods.items():
        points = [policy_point(made, policy(beta)) for beta in config.betas]
        found[name] = [stood(made, point) for point in points]
        say(f"seed {seed}, {name}: {found[name]}")
    return {
        "seed": seed,
        "pairs": n_pairs,
        "reference": rounded(policy_point(made, made.imitator)),
        "frontier": [
            rounded(each) for each in frontier_points(made.reference, made.rewards, [*CURVE])
        ],
        "aims": [
            rounded(each) for each in frontier_points(made.reference, made.rewards, [*config.betas])
        ],
        "methods": found,
    }


def stood(made: SumsExperiment, point: FrontierPoint) -> dict[str, float]:
    """Return the point of a policy, and the highest reward that is possible at its KL."""
    best = best_reward_at(point.kl, made.reference, made.rewards)
    return rounded(point) | {"best": round(best, 4)}


def rounded(point: FrontierPoint) -> dict[str, float]:
    """Round each number to four digits."""
    return {name: round(number, 4) for name, number in point._asdict().items()}


def show(found: dict[str, Any]) -> None:
    """Print one line per policy."""
    print(f"{'seed':>4}  {'method':16}{'beta':>5}{'KL':>8}{'reward':>8}{'best':>8}")
    for each in found["runs"]:
        for name, points in each["methods"].items():
            for beta, point in zip(found["betas"], points, strict=True):
                numbers = "".join(f"{point[key]:8.3f}" for key in ("kl", "reward", "best"))
                print(f"{each['seed']:4}  {name:16}{beta:5}{numbers}")


def main(config: Config) -> int:
    """Train with every seed and print the report."""
    torch.set_num_threads(1)
    runs = [run(config, seed, lambda line: print(line, file=sys.stderr)) for seed in config.seeds]
    found = {
        "command": COMMAND,
        "betas": config.betas,
        "curve": [round(beta, 4) for beta in CURVE],
        "imitation": config.imitation,
        "steps": config.steps,
        "phases": config.phases,
        "answers": config.answers,
        "runs": runs,
        "device": "cpu",
        "cpu_minutes": round(time.process_time() / 60, 1),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    if config.json:
        print(json.dumps(found, indent=1))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(Script("frontier", Config, main).main())
