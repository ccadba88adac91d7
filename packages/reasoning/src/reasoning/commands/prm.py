"""`reasoning prm`: train a verifier of attempts, and compare it with exact values."""

import json
import shlex
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gpt.files import write_atomically
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from reasoning.start.gate import held_out_puzzles
from reasoning.verifier.data import VerifierKind
from reasoning.verifier.localisation import choose_threshold
from reasoning.verifier.report import VerifierReport, report_verifier
from reasoning.verifier.run import (
    VERIFIER_REPORT,
    PRMConfig,
    create_verifier_run,
    load_trained_verifier,
    read_labels,
    train_verifier,
)
from reasoning.verifier.scoring import VerifierValue
from reasoning.verifier.shipped import (
    VERIFIER_FILE,
    VERIFIER_RECIPE,
    TrainedVerifier,
    load_verifier,
    save_verifier,
)

N_THRESHOLD = 1000
"""Training attempts that the threshold of errors is chosen on."""


def run(config: PRMConfig) -> int:
    """Label attempts by rollouts, train a verifier on them, and measure it on held-out puzzles."""
    with TrainingRun(config) as run:
        with run.setup() as is_first:
            if is_first and config.resume is None:
                check_inputs(config)
                create_verifier_run(run.folder, config, run.device)
        train_verifier(run, config)
        if run.is_finished:
            finish_verifier(run.folder, config)
    return run.status


def check_inputs(config: PRMConfig) -> None:
    """Raise BadInput for unusable options now: making the labels takes minutes."""
    held_out_puzzles(config.start_model().tasks(), config.n_evaluated)
    if config.outcome is not None:
        load_verifier(Path(config.outcome))


def finish_verifier(folder: RunFolder, config: PRMConfig) -> None:
    """Choose the threshold, measure the verifier, then save it with its report and print that."""
    report_message("measuring on held-out puzzles")
    start, verifier = config.start_model(), load_trained_verifier(folder)
    value = VerifierValue(verifier)
    labels = read_labels(folder)[:N_THRESHOLD]
    first_errors = [
        next((k for k, good in enumerate(each.hard, 1) if not good), None) for each in labels
    ]
    threshold = choose_threshold(value.step_scores([each.attempt for each in labels]), first_errors)
    verifiers: dict[VerifierKind, VerifierValue] = {}
    if config.outcome is not None:
        verifiers["outcome"] = VerifierValue(load_verifier(Path(config.outcome)).verifier)
    verifiers[config.kind] = value
    puzzles = held_out_puzzles(start.tasks(), config.n_evaluated)
    report = report_verifier(start.model, config.kind, verifiers, threshold, puzzles)
    settings = folder.read_config()["command"]
    recipe = {name: settings[name] for name in VERIFIER_RECIPE}
    written = report.as_json()
    write_atomically(folder.path / VERIFIER_REPORT, json.dumps(written, indent=1).encode())
    trained = TrainedVerifier(verifier, config.kind, recipe, threshold, written)
    save_verifier(folder.path / VERIFIER_FILE, trained)
    if config.json:
        print(json.dumps(written))
    else:
        print_verifier_report(report)
    quoted = shlex.quote(str(folder.path))
    report_message(f"the run is in {quoted}; the verifier is {str(folder.path / VERIFIER_FILE)!r}")


def print_verifier_report(report: VerifierReport) -> None:
    """Print the rankings, the calibration, the localisation and best of eight as tables."""
    console = Console()
    table = Table("states after", "n", "V* = 1", "rho V*", "at most", "AUC", "rho V^pi", box=None)
    for name, each in report.rankings.items():
        numbers = (each.rho_v_star, each.rho_v_star_ceiling, each.auc, each.rho_v_pi)
        cells = (f"{number:.2f}" for number in numbers)
        table.add_row(name, str(each.n), f"{each.winnable:.1%}", *cells)
    console.print(table)
    table = Table("states by score", "mean score", "mean V^pi", box=None)
    for number, each in enumerate(report.bins, start=1):
        table.add_row(f"tenth {number}", f"{each.score:.3f}", f"{each.value:.3f}")
    console.print(table)
    print(f"calibration error: {report.calibration_error:.3f}")
    table = Table("first error found by", "kind", "n", "found", "guess of step 1", box=None)
    for name, kinds in report.localisation.items():
        for kind, each in kinds.items():
            table.add_row(name, kind, str(each.n), f"{each.found:.1%}", f"{each.first_step:.1%}")
    console.print(table)
    table = Table("best of 8 by", "right", "95 % interval", "points over vote", box=None)
    for name, each in report.choices.items():
        rate, low, high = each.rate
        interval = f"{low:.1%} to {high:.1%}"
        table.add_row(name, f"{rate:.1%}", interval, each.over_vote.in_points())
    console.print(table)
    print(", ".join(f"{name}: {n:,} tokens" for name, n in report.tokens.items()))
