"""PPO and GRPO on the same task, from the same model, with the same number of answers.

    uv run python scripts/ppo_and_grpo.py --n-phases 200

Both start from the model that comes with `reasoning`, answer the same puzzles of countdown eight
times each, and get 1 for a right answer. PPO learns a critic, which predicts the reward from every
token on. GRPO compares an answer with the other seven to its puzzle, and needs no second model. A
phase of either takes turns with one of the other, so that whatever slows the machine slows both.

The script is outside of the packages because it needs two of them: `finetune` has PPO.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.config import PPOHyperparameters
from finetune.ppo.ppo import ppo
from finetune.reward.scorer import as_scorer
from gpt.errors import BadInput
from gpt.policy.policy import Policy, copy_sharing_frozen, make_reference, share_layers_as
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.training.loop import LoopConfig
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.grpo.evaluation import TaskEvaluation, compare_evaluations, evaluate
from reasoning.grpo.grpo import grpo
from reasoning.grpo.rewards import countdown_reward, score_rollout
from reasoning.start.data import sample_puzzle
from reasoning.start.gate import MAX_TRACE, held_out_puzzles
from reasoning.start.shipped import load_start_model
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.vocabulary import TOKENIZER

N_MEASURED = 20
"""Last phases over which the score of the answers is averaged."""


@dataclass(frozen=True)
class ComparisonConfig:
    """Train the start model by PPO and by GRPO on as many answers."""

    n_phases: int = 200
    """Phases of each method."""
    prompts_per_phase: int = 16
    """Puzzles per phase."""
    group_size: int = 8
    """Answers per puzzle."""
    n_epochs: int = 1
    """Passes over the answers of a phase, each with one update."""
    learning_rate: float = 1e-4
    """Peak learning rate of both."""
    n_problems: int = 200
    """Held-out puzzles, each sampled 32 times before and after training."""
    seed: int = 0
    """Random seed of puzzles and answers."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Raise BadInput for a size below 1."""
        for name in ("n_phases", "prompts_per_phase", "n_epochs", "n_problems"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


def main(config: ComparisonConfig) -> int:
    """Train both in turns, and print what each gained and what a phase took."""
    began = time.perf_counter()
    start = load_start_model()
    tasks = start.tasks()
    held_out = [countdown_prompt(each) for each in held_out_puzzles(tasks, config.n_problems)]

    def prompts(phase: int) -> list[list[int]]:
        random = np.random.default_rng([config.seed, phase])
        puzzles = [sample_puzzle(tasks.four.train, random) for _ in range(config.prompts_per_phase)]
        return [TOKENIZER.encode(countdown_prompt(puzzle)) for puzzle in puzzles]

    by_grpo, by_ppo = (share_layers_as(Policy, load_start_model().model) for _ in range(2))
    phases = {
        "GRPO": grpo_phases(by_grpo, prompts, config),
        "PPO": ppo_phases(by_ppo, prompts, config),
    }
    scores, seconds = take_turns(phases, config.n_phases)
    before = evaluate(start.model, held_out, countdown_reward, MAX_TRACE)
    rows = {}
    for name, policy in (("GRPO", by_grpo), ("PPO", by_ppo)):
        after: TaskEvaluation = evaluate(policy, held_out, countdown_reward, MAX_TRACE)
        rows[name] = compare_evaluations(before, after) | {
            "training_score": fmean(scores[name][-N_MEASURED:]),
            "seconds_per_phase": median(seconds[name]),
        }
    if config.json:
        conditions = measurement_conditions(torch.device("cpu"), began)
        print(json.dumps({"config": asdict(config), "methods": rows, **conditions}))
    else:
        print_rows(rows)
    return 0


def grpo_phases(
    policy: Policy, prompts: Callable[[int], list[list[int]]], config: ComparisonConfig
) -> Iterator[Any]:
    """Return the phases of GRPO, which train the policy in place."""
    settings = GRPOHyperparameters(
        n_phases=config.n_phases,
        prompts_per_phase=config.prompts_per_phase,
        group_size=config.group_size,
        max_new_tokens=MAX_TRACE,
        n_epochs=config.n_epochs,
    )
    score = score_rollout(countdown_reward, config.group_size)
    stop = TOKENIZER.end_of_text
    return grpo(policy, None, score, prompts, stop, settings, loop_of(config))


def ppo_phases(
    policy: Policy, prompts: Callable[[int], list[list[int]]], config: ComparisonConfig
) -> Iterator[Any]:
    """Return the phases of PPO, which train the policy in place, with a critic of its size."""
    settings = PPOHyperparameters(
        n_phases=config.n_phases,
        prompts_per_phase=config.prompts_per_phase * config.group_size,
        max_new_tokens=MAX_TRACE,
        n_epochs=config.n_epochs,
        n_minibatches=1,
        kl_coef=0.0,
        missing_stop_penalty=0.0,
    )
    critic = as_scorer(copy_sharing_frozen(policy))
    models = ActorCritic(policy, critic, settings.kl_coef)

    def repeated(phase: int) -> list[list[int]]:
        return [prompt for prompt in prompts(phase) for _ in range(config.group_size)]

    score = score_rollout(countdown_reward, config.group_size)
    reference, stop = make_reference(policy), TOKENIZER.end_of_text
    return ppo(models, reference, score, repeated, stop, settings, loop_of(config))


def loop_of(config: ComparisonConfig) -> LoopConfig:
    """Return the loop of both methods; their steps follow from the phases."""
    return LoopConfig(
        learning_rate=config.learning_rate,
        min_lr_ratio=0.1,
        warmup_ratio=0.05,
        beta2=0.99,
        weight_decay=0.0,
        seed=config.seed,
    )


def take_turns(
    phases: dict[str, Iterator[Any]], n_phases: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Run one phase of each method after another; return their scores, and seconds per phase."""
    scores: dict[str, list[float]] = {name: [] for name in phases}
    seconds: dict[str, list[float]] = {name: [] for name in phases}
    for _ in range(n_phases):
        for name, records in phases.items():
            begin = time.perf_counter()
            scores[name].append(next(records).score)
            seconds[name].append(time.perf_counter() - begin)
    for records in phases.values():
        next(records, None)  # ends the last phase
    return scores, seconds


def print_rows(rows: dict[str, dict[str, Any]]) -> None:
    """Print one row per method."""
    table = Table("", "pass@1", "gain, 95 % interval", "pass@8", "seconds per phase", box=None)
    [first, *_] = rows.values()
    table.add_row(
        "start", f"{first['before']['score']:.1%}", "", f"{first['before']['pass_at_8']:.1%}"
    )
    for name, row in rows.items():
        gain = row["gains"]["score"]
        table.add_row(
            name,
            f"{row['after']['score']:.1%}",
            "{gain:+.1%} ({low:+.1%} to {high:+.1%})".format(**gain),
            f"{row['after']['pass_at_8']:.1%}",
            f"{row['seconds_per_phase']:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(Script("ppo_and_grpo", ComparisonConfig, main).main())
