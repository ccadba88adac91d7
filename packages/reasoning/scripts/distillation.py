"""Compare students of `reasoning distill` with one another, on the same held-out puzzles.

    uv run reasoning distill --name correct
    uv run reasoning distill --name unfiltered --filter none --traces-of runs/correct
    uv run reasoning distill --name kl --filter none --loss kl --traces-of runs/correct
    uv run python packages/reasoning/scripts/distillation.py --runs runs/correct runs/unfiltered \
        runs/kl

All differences are paired, from the first of the runs. With seed 0, on one thread of a CPU (torch
2.15), pass@1 on 400 puzzles was 2.0 % before, then 16.0 % (correct), 9.5 % (unfiltered) and 11.8 %
(kl); the teacher's was 29.0 %.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from gpt.errors import BadInput
from gpt.evaluation.intervals import Interval
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.runs.folder import RunFolder
from reasoning.distillation.report import compare_models
from reasoning.distillation.run import DistillConfig
from reasoning.start.data import Tasks
from reasoning.start.gate import held_out_puzzles
from reasoning.start.loading import load_reasoner


@dataclass(frozen=True)
class StudentsConfig:
    """Evaluate students, the model that they began as, and their teacher."""

    runs: tuple[Path, ...]
    """Run folders of `reasoning distill`. The first one is the baseline of the differences."""
    n_problems: int = 400
    """Held-out puzzles, each sampled eight times. More make the intervals narrower."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Raise BadInput if there is nothing to measure."""
        if not self.runs:
            raise BadInput("runs must name at least one run of: reasoning distill")
        if self.n_problems < 1:
            raise BadInput(f"n_problems must be at least 1, got {self.n_problems}")


def main(config: StudentsConfig) -> int:
    """Sample held-out puzzles with every model, and print the rates."""
    started, first = time.perf_counter(), str(config.runs[0])
    settings = RunFolder(config.runs[0]).read_config(DistillConfig.command)
    if settings["kind"] != DistillConfig.command:
        raise BadInput(f"{first!r} was made by {settings['kind']}, not {DistillConfig.command}")
    names = {str(run): str(run) for run in config.runs}
    names |= {"before": settings["command"]["student"], "teacher": settings["command"]["teacher"]}
    models = {role: load_reasoner(name) for role, name in names.items()}
    puzzles = held_out_puzzles(Tasks.load(30, 1), config.n_problems)
    report = compare_models(models, puzzles, baseline=first)
    if config.json:
        conditions = measurement_conditions(torch.device("cpu"), started)
        print(json.dumps({"n_problems": config.n_problems, "models": report, **conditions}))
        return 0
    table = Table("model", "parameters", "pass@1", "pass@8", f"points above {first}", box=None)
    for name, rates in report.items():
        table.add_row(
            name,
            f"{rates['n_parameters']:,}",
            f"{rates['pass_at_1']:.1%}",
            f"{rates['pass_at_n']:.1%}",
            Interval(**rates[f"above {first}"]).in_points(),
        )
    Console(width=110).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(Script("distillation", StudentsConfig, main).main())
