"""Accuracy by the number of attempts: budget forcing on held-out puzzles of countdown.

    uv run python packages/reasoning/scripts/budget.py --one-attempt runs/one --plot budget.png

`--one-attempt` names the run of a model without multi-attempt training, to compare with:

    uv run reasoning train --max-attempts 1 --name one

Each model gets three kinds of budget. `adaptive`: at most so many attempts, but the first `hit`
ends them. `exact`: as many attempts in any case, so a `wait` is put where the model would answer.
`restarts`: as adaptive, but each attempt begins from the prompt and cannot read those before it.
`repaired` and `broken` compare both at the same random numbers: traces that are right only with the
inserted waits, and only without them.

With --n-samples 2, on one thread of a CPU (torch 2.15; 1.5 minutes per model), 1, 2, 3, 4 and 8
attempts were right on 10.9, 17.2, 25.0, 30.0 and 32.4 % of the traces if adaptive, on 10.9, 10.1,
12.8, 11.8 and 0.4 % if exact, and on 10.9, 18.4, 24.9, 31.2 and 44.9 % with restarts. The model
that was trained on single attempts: 12.8 % each, and 12.8, 1.9, 0.8, 0.1 and 0.0 %.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.evaluation.intervals import Interval, paired_difference
from gpt.model.gpt import GPT
from gpt.plots import RateCurve, save_rates_plot
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.runs.folder import load_model
from reasoning.budget.curve import BudgetPoint, budget_metrics, measure_budget
from reasoning.budget.forcing import AttemptBudget, forced_traces
from reasoning.budget.restarts import restarted_traces
from reasoning.start.gate import held_out_puzzles
from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import Puzzle

SIZES = (1, 2, 3, 4, 8)


@dataclass(frozen=True)
class BudgetConfig:
    """Measure accuracy by the number of attempts."""

    one_attempt: Path | None = None
    """Run folder of a model that saw single attempts only. It gets the same rows."""
    n_problems: int = 400
    """Held-out puzzles. More make the intervals narrower."""
    n_samples: int = 4
    """Traces of each puzzle. More make the intervals narrower."""
    temperature: float = 1.0
    """Sampling temperature. 0 is greedy decoding, which repeats its attempts."""
    device: str = "cpu"
    """Device: cpu, cuda or mps; auto takes a GPU if there is one."""
    plot: Path | None = None
    """Image file (PNG) for the curves."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Raise BadInput if there is nothing to measure."""
        for name in ("n_problems", "n_samples"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


def measure_model(
    model: GPT, puzzles: list[Puzzle], config: BudgetConfig
) -> dict[str, list[BudgetPoint]]:
    """Return the adaptive curve of a model, the exact one, and the one with restarts."""
    kinds = {
        "adaptive": (True, forced_traces),
        "exact": (False, forced_traces),
        "restarts": (True, restarted_traces),
    }
    return {
        kind: [
            measure_budget(
                model,
                puzzles,
                AttemptBudget(n, stops_at_hit),
                config.n_samples,
                config.temperature,
                sample_traces,
            )
            for n in SIZES
        ]
        for kind, (stops_at_hit, sample_traces) in kinds.items()
    }


def describe_curves(curves: dict[str, list[BudgetPoint]]) -> dict[str, Any]:
    """Return the numbers of a model: its points by kind, the metrics, and what waits change."""
    report: dict[str, Any] = {}
    for kind, points in curves.items():
        report[kind] = {
            "points": [
                {
                    "attempts": point.budget.n_attempts,
                    "accuracy": point.accuracy,
                    "interval": point.interval(),
                    "tokens": point.tokens,
                    "inserted_waits": point.inserted_waits,
                    "control": point.control,
                }
                for point in points
            ],
            "s1": budget_metrics(points)._asdict(),
        }
    report["inserted waits"] = []
    for exact, adaptive in zip(curves["exact"], curves["adaptive"], strict=True):
        random = np.random.default_rng(0)
        mean, low, high = paired_difference(exact.rates, adaptive.rates, random)
        changes = {
            "attempts": exact.budget.n_attempts,
            "difference": {"mean": mean, "low": low, "high": high},
            "repaired": float((exact.right & ~adaptive.right).mean()),
            "broken": float((adaptive.right & ~exact.right).mean()),
        }
        report["inserted waits"].append(changes)
    return report


def print_report(models: dict[str, Any]) -> None:
    """Print the rows of every model, its metrics, and what the inserted waits change."""
    console = Console(width=110)
    for name, report in models.items():
        names = ("attempts", "right", "95 % interval", "tokens", "inserted waits", "control")
        for kind in ("adaptive", "exact", "restarts"):
            table = Table(*names, box=None, title=f"{name}, {kind}", title_justify="left")
            for row in report[kind]["points"]:
                low, high = row["interval"]
                table.add_row(
                    str(row["attempts"]),
                    f"{row['accuracy']:.1%}",
                    f"{low:.1%} to {high:.1%}",
                    f"{row['tokens']:.1f}",
                    f"{row['inserted_waits']:.3f}",
                    f"{row['control']:.1%}",
                )
            console.print(table)
            control, scaling, performance = report[kind]["s1"].values()
            print(
                f"control {control:.1%}, scaling {1e4 * scaling:+.2f} points per 100 tokens, "
                f"performance {performance:.1%}\n"
            )
        for row in report["inserted waits"]:
            difference = Interval(*row["difference"].values()).in_points()
            print(
                f"exact - adaptive at {row['attempts']}: {difference} points; "
                f"repaired {row['repaired']:.1%}, broken {row['broken']:.1%}"
            )
        print()


def main(config: BudgetConfig) -> int:
    """Measure all budgets of each model, and print or draw them."""
    started, device = time.perf_counter(), pick_device(config.device)
    start = load_start_model(device=device)
    tasks = start.tasks()
    models = {"1-4 attempts": start.model}
    if config.one_attempt is not None:
        models["1 attempt"], *_ = load_model(config.one_attempt, device)
    puzzles = held_out_puzzles(tasks, config.n_problems)
    curves = {name: measure_model(model, puzzles, config) for name, model in models.items()}
    report = {name: describe_curves(each) for name, each in curves.items()}
    if config.plot is not None:
        lines = [
            RateCurve(
                f"trained on {name}, {kind}",
                [float(size) for size in SIZES],
                [point.accuracy for point in points],
                [point.interval() for point in points],
            )
            for name, each in curves.items()
            for kind, points in each.items()
        ]
        save_rates_plot(config.plot, lines, "attempts", "right answers (%)")
    if config.json:
        settings = {name: str(value) for name, value in asdict(config).items()}
        conditions = measurement_conditions(device, started)
        print(json.dumps({"config": settings, "models": report, **conditions}, indent=1))
    else:
        print_report(report)
    return 0


if __name__ == "__main__":
    sys.exit(Script("budget", BudgetConfig, main).main())
