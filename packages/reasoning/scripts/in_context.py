"""Put a solved puzzle in front of the prompt of the start model, and count what it solves.

uv run python packages/reasoning/scripts/in_context.py

It took 11 minutes on one thread of a busy machine (torch 2.15): 29.2 % right without an example,
0.0 % after the trace of another puzzle, 5.0 % after a solution of the same one.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gpt.device import pick_device
from gpt.errors import BadInput, check_seed
from gpt.evaluation.intervals import paired_difference
from gpt.program import Script
from gpt.recording import measurement_conditions
from reasoning.prompting.in_context import ExamplePrompts, example_prompts, solved_prompts
from reasoning.start.gate import held_out_puzzles
from reasoning.start.shipped import load_start_model


@dataclass(frozen=True)
class InContextConfig:
    """Measure the start model with and without an example in its prompt."""

    n_problems: int = 400
    """Held-out puzzles. More make the intervals narrower."""
    n_samples: int = 4
    """Answers to each prompt."""
    seed: int = 0
    """Random seed of the examples and the samples."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Raise BadInput if there are no problems or samples."""
        if self.n_problems < 1 or self.n_samples < 1:
            raise BadInput(
                "n_problems and n_samples must be at least 1, "
                f"got {self.n_problems} and {self.n_samples}"
            )
        check_seed(self.seed)


def main(config: InContextConfig) -> int:
    """Ask every puzzle in three ways, and print each rate and its difference from the first."""
    began = time.perf_counter()
    start = load_start_model()
    tasks = start.tasks()
    puzzles = held_out_puzzles(tasks, config.n_problems, config.seed)
    random = np.random.default_rng(config.seed)
    prompts = [example_prompts(puzzle, tasks.four.train, random) for puzzle in puzzles]
    rates = []
    for name, rows in zip(
        ExamplePrompts._fields, map(list, zip(*prompts, strict=True)), strict=True
    ):
        generator = torch.Generator().manual_seed(config.seed)
        right = solved_prompts(start.model, puzzles, rows, config.n_samples, generator)
        rates.append((name, right.mean(axis=1)))
    report = []
    for name, right in rates:
        gain, low, high = paired_difference(right, rates[0][1], np.random.default_rng(0))
        interval = {"gain": gain, "low": low, "high": high}
        report.append({"prompt": name, "rate": float(right.mean()), **interval})
    if config.json:
        conditions = measurement_conditions(pick_device("cpu"), began)
        print(json.dumps({"config": asdict(config), "prompts": report, **conditions}))
        return 0
    table = Table("example", "right", "difference", "95 % interval, paired", box=None)
    for row in report:
        interval = f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f}"
        gain = f"{100 * row['gain']:+.1f}"
        table.add_row(row["prompt"].replace("_", " "), f"{row['rate']:.1%}", gain, interval)
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(Script("in_context", InContextConfig, main).main())
