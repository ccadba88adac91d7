"""`reasoning train`: train the start model, and check that it leaves something to learn."""

import json
import shlex

from rich.console import Console
from rich.table import Table

from gpt.errors import RunFailed
from gpt.files import write_atomically
from gpt.runs.folder import RunFolder, load_model
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from reasoning.start.gate import StartReport, report_start
from reasoning.start.run import REPORT_FILE, StartConfig, create_run, train_start_model
from reasoning.start.shipped import START_FILE, save_start_model


def run(config: StartConfig) -> int:
    """Train a model from scratch, then sample from it and check the rates against the gate."""
    with TrainingRun(config) as run:
        with run.setup() as is_first:
            if is_first and config.resume is None:
                create_run(run.folder, config)
        train_start_model(run, config)
        if run.is_finished:
            finish(run.folder, config)
    return run.status


def finish(folder: RunFolder, config: StartConfig) -> None:
    """Report the rates of a trained model, and write it as a start model if the gate holds.

    Raises:
        RunFailed: a condition of the gate does not hold.
    """
    report_message("sampling held-out puzzles and fresh chains")
    path = folder.path
    model, *_ = load_model(path)
    report = report_start(model, config.tasks(), config.n_evaluated)
    write_atomically(path / REPORT_FILE, json.dumps(report.as_json(), indent=1).encode())
    if config.json:
        print(json.dumps(report.as_json()))
    else:
        print_report(report)
    quoted = shlex.quote(str(path))
    report_message(
        f"the run is in {quoted}; sample from it with: "
        f"gpt sample --run {quoted} --prompt '24 : 4 7 9 11 think' --temperature 1"
    )
    if faults := report.faults():
        raise RunFailed(f"no start model is written: {'; '.join(faults)}")
    save_start_model(path / START_FILE, model, folder, report)
    report_message(f"the start model is {str(path / START_FILE)!r}")


def print_report(report: StartReport) -> None:
    """Print the rates as a table."""
    table = Table("new problems", "pass@1", "pass@8", "flat groups of 8", box=None)
    for task, rates in vars(report).items():
        table.add_row(task.replace("_", " "), *(f"{rate:.1%}" for rate in rates))
    Console().print(table)
