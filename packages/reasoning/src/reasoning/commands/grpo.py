"""`reasoning grpo`: answer prompts several times, score the answers, and reinforce good ones."""

import json
import shlex
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from gpt.files import write_atomically
from gpt.recording import describe_environment
from gpt.runs.folder import RunFolder, load_model
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from reasoning.grpo.evaluation import EVALUATION_FILE, compare_evaluations, evaluate
from reasoning.grpo.options import GrpoConfig
from reasoning.grpo.rewards import countdown_reward
from reasoning.grpo.run import (
    GrpoSetup,
    check_processes,
    create_grpo_run,
    load_setup,
    run_grpo,
)
from reasoning.start.loading import load_reasoner


def run(config: GrpoConfig) -> int:
    """Train on rewards of the model's own answers, then compare the model before and after."""
    with TrainingRun(config) as run:
        with run.setup() as is_first:
            check_processes(config)
            setup = load_setup(config)
            if is_first and config.resume is None:
                create_grpo_run(run.folder, config, setup)
        run_grpo(run, config, setup)
        if run.is_finished:
            report_gains(run.folder, config, setup, run.device)
    return run.status


def report_gains(
    folder: RunFolder, config: GrpoConfig, setup: GrpoSetup, device: torch.device
) -> None:
    """Evaluate the model before and after the training, and report the gains.

    The report names the device of the training, so that recorded numbers say where they come from.
    """
    report_message(f"sampling {len(setup.evaluated)} problems, before and after the training")
    models = {"before": load_reasoner(config.model), "after": load_model(folder.path)[0]}
    before, after = (
        evaluate(model, setup.evaluated, setup.evaluation_reward, config.grpo.max_new_tokens)
        for model in models.values()
    )
    conditions = describe_environment(device) | {"threads": torch.get_num_threads()}
    report = compare_evaluations(before, after) | {"conditions": conditions}
    write_atomically(folder.path / EVALUATION_FILE, json.dumps(report, indent=1).encode())
    if config.json:
        print(json.dumps(report))
    else:
        print_gains(report, is_share=setup.evaluation_reward is countdown_reward)
    quoted, prompt = shlex.quote(str(folder.path)), shlex.quote(setup.evaluated[0])
    report_message(
        f"the run is in {quoted}; sample from it with: "
        f"gpt sample --run {quoted} --prompt {prompt} --temperature 1"
    )


def print_gains(report: dict[str, Any], is_share: bool) -> None:
    """Print the rates as a table, and the gains below it.

    Scores of countdown are shares of problems; those of other rewards have a scale of their own,
    and pass rates would mean nothing.
    """
    names = {"score": "score", "greedy": "greedy"}
    if is_share:
        names = {"score": "pass@1", "pass_at_8": "pass@8", "pass_at_32": "pass@32"}
        names |= {"flat": "flat groups of 8", "greedy": "greedy"}
    table = Table("", *names.values(), "entropy", "tokens", box=None)
    for when in ("before", "after"):
        rates = report[when]
        shown = (f"{rates[name]:.1%}" if is_share else f"{rates[name]:.3f}" for name in names)
        table.add_row(when, *shown, f"{rates['entropy']:.3f}", f"{rates['length']:.1f}")
    Console().print(table)
    unit, factor = (" points", 100) if is_share else ("", 1)
    for name, gain in report["gains"].items():
        change, low, high = (f"{factor * gain[each]:+.2f}" for each in ("gain", "low", "high"))
        print(f"{names[name]}: {change}{unit}, 95 % interval {low} to {high}")
