"""Votes among answers to chain arithmetic: measured, and predicted from the chances of the answers.

    uv run python packages/reasoning/scripts/votes.py --n-problems 200

Greedy decoding is the row to compare with: it needs one sample, and takes the likeliest word each
time, which need not be the likeliest answer.
"""

import json
import sys
from dataclasses import asdict, dataclass

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gpt.errors import BadInput
from gpt.program import Script
from reasoning.evaluation.answers import final_answer
from reasoning.evaluation.sampling import sample_texts
from reasoning.start.gate import MAX_TRACE, fresh_chains
from reasoning.start.shipped import load_start_model
from reasoning.start.traces import chain_prompt
from reasoning.voting.curve import vote_curve

SIZES = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class VotesConfig:
    """Measure votes of the start model on held-out chains."""

    n_problems: int = 200
    """Chains. More make the intervals narrower."""
    temperature: float = 1.0
    """Sampling temperature. Lower makes single samples better and votes less useful."""
    seed: int = 0
    """Random seed of the samples."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Raise BadInput if there are no problems."""
        if self.n_problems < 1:
            raise BadInput(f"n_problems must be at least 1, got {self.n_problems}")


def number(text: str) -> int | None:
    """Return the answer of a text, if it is one number."""
    answer = final_answer(text)
    return int(answer) if answer.isdecimal() else None


def main(config: VotesConfig) -> int:
    """Sample answers, let them vote, and print each rate with its prediction."""
    start = load_start_model()
    tasks = start.tasks()
    chains = fresh_chains(tasks, config.n_problems, config.seed)
    prompts = [chain_prompt(chain) for chain in chains]
    right = [chain.results()[-1] for chain in chains]

    def answers(n_samples: int, temperature: float) -> list[list[int | None]]:
        generator = torch.Generator().manual_seed(config.seed)
        texts = sample_texts(start.model, prompts, n_samples, temperature, MAX_TRACE, generator)
        return [[number(text) for text in row] for row in texts]

    greedy = np.mean([row == [best] for row, best in zip(answers(1, 0.0), right, strict=True)])
    rates = vote_curve(answers(2 * max(SIZES), config.temperature), right, SIZES)
    if config.json:
        report = {"config": asdict(config), "greedy": float(greedy)}
        print(json.dumps(report | {"votes": [rate._asdict() for rate in rates]}))
        return 0
    table = Table("samples", "a vote is right", "95 % interval", "predicted", box=None)
    for rate in rates:
        interval = f"{rate.low:.1%} to {rate.high:.1%}"
        table.add_row(str(rate.n), f"{rate.measured:.1%}", interval, f"{rate.predicted:.1%}")
    Console().print(table)
    print(f"greedy, one sample: {greedy:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(Script("votes", VotesConfig, main).main())
