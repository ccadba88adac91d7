"""`reasoning distill`: train a student on a teacher's traces, and compare it before and after."""

import json
import shlex
from typing import Any

from rich.console import Console
from rich.table import Table

from gpt.evaluation.intervals import Interval
from gpt.files import write_atomically
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from reasoning.distillation.report import compare_models
from reasoning.distillation.run import DistillConfig, create_distillation, train_student
from reasoning.start.gate import held_out_puzzles
from reasoning.start.loading import load_reasoner

DISTILLATION_REPORT = "distillation.json"


def run(config: DistillConfig) -> int:
    """Sample the teacher's traces, train the student, and compare it before and after."""
    with TrainingRun(config) as run:
        with run.setup() as is_first:
            if is_first and config.resume is None:
                create_distillation(run.folder, config, run.device)
        train_student(run, config)
        if run.is_finished:
            report_student(run.folder, config)
    return run.status


def report_student(folder: RunFolder, config: DistillConfig) -> None:
    """Evaluate teacher and student on held-out puzzles, and save and print the result."""
    report_message("sampling held-out puzzles")
    settings = folder.read_config(config.command)["command"]
    names = {"before": settings["student"], "after": str(folder.path), "teacher": config.teacher}
    models = {role: load_reasoner(name) for role, name in names.items()}
    puzzles = held_out_puzzles(config.student_config().tasks(), config.n_evaluated)
    report = compare_models(models, puzzles, baseline="before")
    write_atomically(folder.path / DISTILLATION_REPORT, json.dumps(report, indent=1).encode())
    if config.json:
        print(json.dumps(report))
    else:
        print_student(report)
    path = shlex.quote(str(folder.path))
    report_message(
        f"the run is in {path}; sample from it with: "
        f"gpt sample --run {path} --prompt '24 : 4 7 9 11 think' --temperature 1"
    )


def print_student(report: dict[str, Any]) -> None:
    """Print the rates as a table."""
    table = Table(
        "held-out puzzles", "parameters", "pass@1", "pass@8", "above before, points", box=None
    )
    for name, rates in report.items():
        table.add_row(
            name,
            f"{rates['n_parameters']:,}",
            f"{rates['pass_at_1']:.1%}",
            f"{rates['pass_at_n']:.1%}",
            Interval(**rates["above before"]).in_points(),
        )
    Console().print(table)
