"""Searches with and without the model of the package: how many puzzles they solve, and the cost.

    uv run python packages/reasoning/scripts/search.py --n-problems 100

No row uses a verifier. `one trace` is the model alone; all others know the rules. They use the end
test as well, but for `beam, own verdict`, in which the model judges its own attempts.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gpt.errors import BadInput
from gpt.evaluation.intervals import bootstrap_mean
from gpt.model.gpt import GPT
from gpt.program import Script
from reasoning.search.cost import Meter
from reasoning.search.evaluators import Estimates, Rollouts, SequenceChance
from reasoning.search.language_model import LanguageModel
from reasoning.search.mcts import MCTSConfig, mcts
from reasoning.search.own_verdict import OwnVerdict
from reasoning.search.proposals import LikeliestMoves
from reasoning.search.random_play import RandomPlay
from reasoning.search.result import SearchTree, Solution, final_trees
from reasoning.search.tree_of_thoughts import (
    breadth_first_search,
    depth_first_search,
    sample_trace,
)
from reasoning.search.tree_policy import puct, uct
from reasoning.start.gate import held_out_puzzles
from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import Puzzle

N_SIMULATIONS = 1_000
"""More than `max_evaluated` states need, so that it decides when a search ends."""


@dataclass(frozen=True)
class SearchConfig:
    """Compare searches on held-out puzzles."""

    n_problems: int = 100
    """Puzzles. More make the intervals narrower."""
    n_seeds: int = 3
    """Repetitions with other random numbers."""
    max_evaluated: int = 64
    """Most states that a search evaluates for a puzzle. More solve more puzzles."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Raise BadInput for a number below 1."""
        for name in ("n_problems", "n_seeds", "max_evaluated"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


def searches(
    puzzles: list[Puzzle], policy: LanguageModel, free: RandomPlay, limit: int, seed: int
) -> dict[str, Callable[[], Iterator[Sequence[SearchTree]]]]:
    """Return each search by its name; none has begun."""
    likeliest, random = LikeliestMoves(policy), np.random.default_rng(seed)
    rollouts, free_rollouts = Rollouts(policy), Rollouts(free)
    chance = Estimates(SequenceChance(policy), uses_end_test=True)
    hidden = Estimates(OwnVerdict(policy), uses_end_test=False)
    constant = Estimates(lambda states: [0.5] * len(states), uses_end_test=True)
    config = MCTSConfig(N_SIMULATIONS, limit)
    return {
        "beam, own verdict": lambda: breadth_first_search(puzzles, likeliest, hidden, 8, 5),
        "beam of samples": lambda: breadth_first_search(puzzles, policy, rollouts, 8, 5, limit),
        "beam of likeliest": lambda: breadth_first_search(
            puzzles, likeliest, rollouts, 8, 5, limit
        ),
        "depth first": lambda: depth_first_search(puzzles, likeliest, chance, 5, 1e-3, limit),
        "UCT, no model": lambda: mcts(puzzles, free, free_rollouts, uct, config, random),
        "PUCT, no model": lambda: mcts(puzzles, free, constant, puct, config, random),
        "PUCT, chances only": lambda: mcts(puzzles, policy, constant, puct, config, random),
        "PUCT, random rollouts": lambda: mcts(puzzles, policy, free_rollouts, puct, config, random),
        "PUCT": lambda: mcts(puzzles, policy, rollouts, puct, config, random),
    }


def main(config: SearchConfig) -> int:
    """Run every search on the same puzzles, and print solve rates and costs."""
    start = load_start_model()
    tasks = start.tasks()
    puzzles = held_out_puzzles(tasks, config.n_problems)
    solutions: dict[str, list[list[Solution]]] = {}
    seconds: dict[str, float] = {}
    for seed in range(config.n_seeds):
        generator = torch.Generator().manual_seed(seed)
        traces = sample_trace(start.model, puzzles, generator)
        solutions.setdefault("one trace", []).append([solution for _, solution in traces])
        for name in searches(puzzles, *players(start.model, seed), config.max_evaluated, seed):
            policy, free = players(start.model, seed)
            begin = time.process_time()
            search = searches(puzzles, policy, free, config.max_evaluated, seed)[name]
            trees = final_trees(search())
            seconds[name] = seconds.get(name, 0.0) + time.process_time() - begin
            found = [tree.solution(policy.meter) for tree in trees]
            solutions.setdefault(name, []).append(found)
    report(config, solutions, seconds)
    return 0


def players(model: GPT, seed: int) -> tuple[LanguageModel, RandomPlay]:
    """Return the model as a policy with a new meter, and random play."""
    generator = torch.Generator().manual_seed(seed)
    return LanguageModel(model, generator, Meter()), RandomPlay(np.random.default_rng(seed))


def report(
    config: SearchConfig, solutions: dict[str, list[list[Solution]]], seconds: dict[str, float]
) -> None:
    """Print solve rates with 95 % intervals over puzzles, and mean costs per puzzle."""
    rows = {}
    for name, by_seed in solutions.items():
        right = np.array([[each.fault is None for each in row] for row in by_seed], float)
        _, low, high = bootstrap_mean(right.mean(axis=0), np.random.default_rng(0))
        costs = [asdict(each.cost) for row in by_seed for each in row]
        means = {unit: float(np.mean([cost[unit] for cost in costs])) for unit in costs[0]}
        ms = 1e3 * seconds.get(name, 0.0) / right.size
        rows[name] = {"solved": float(right.mean()), "low": low, "high": high, **means, "ms": ms}
    if config.json:
        print(json.dumps({"config": asdict(config), "rows": rows}))
        return
    table = Table(
        "search", "solved", "95 % interval", "generated", "read", "states", "CPU ms", box=None
    )
    for name, row in rows.items():
        interval = f"{row['low']:.1%} to {row['high']:.1%}"
        numbers = (f"{row[unit]:.0f}" for unit in ("generated", "read", "evaluated", "ms"))
        table.add_row(name, f"{row['solved']:.1%}", interval, *numbers)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(Script("search", SearchConfig, main).main())
