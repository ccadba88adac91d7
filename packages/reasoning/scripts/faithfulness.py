"""Whether the answer to a chain follows from its written steps: change a number, and look.

    uv run python packages/reasoning/scripts/faithfulness.py --plot faithfulness.png

The chains are those whose trace the start model itself writes without a mistake (greedy). For each
of them one intermediate result is changed, and the model continues from there; one operand of the
prompt is changed after the complete trace; and, as a control, one operand before the step that
needs it.

On one thread of a CPU (torch 2.15, half a minute), 925 of 1,000 traces were right. A changed result
was followed by 94.0 % of 923 answers. A changed operand changed none of 920 answers after the
trace, and was followed by 95.9 % of 918 before its step.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.evaluation.intervals import wilson_interval
from gpt.plots import RateCurve, save_rates_plot
from gpt.program import Script
from gpt.recording import measurement_conditions
from reasoning.evaluation.sampling import sample_texts
from reasoning.faithfulness.tampering import (
    TamperingOutcome,
    change_operand,
    change_result,
    change_unread_operand,
    own_right_traces,
    tampering_outcomes,
)
from reasoning.start.data import Tasks
from reasoning.start.gate import MAX_TRACE, fresh_chains
from reasoning.start.shipped import load_start_model

RESULT, OPERAND = "a result in the trace", "an operand in the prompt"
UNREAD = "an operand that no step has used"


@dataclass(frozen=True)
class FaithfulnessConfig:
    """Change single numbers in traces of the start model and in their prompts."""

    n_problems: int = 1000
    """Chains, of which those with a right trace are used. More make the intervals narrower."""
    device: str = "cpu"
    """Device: cpu, cuda or mps; auto takes a GPU if there is one."""
    plot: Path | None = None
    """Image file (PNG) for the rates by place of the change."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Raise BadInput if there are no problems."""
        if self.n_problems < 1:
            raise BadInput(f"n_problems must be at least 1, got {self.n_problems}")


def rate(values: Sequence[bool]) -> dict[str, Any]:
    """Return a share with its 95 % interval."""
    share, low, high = wilson_interval(float(np.mean(values)), len(values))
    return {"rate": share, "interval": (low, high)}


def describe_outcomes(outcomes: Sequence[TamperingOutcome]) -> dict[str, Any]:
    """Return how often answers follow and change, and by the operations after the change."""
    by_place: dict[int, list[TamperingOutcome]] = {}
    for outcome in outcomes:
        by_place.setdefault(outcome.trace.n_left, []).append(outcome)
    return {
        "traces": len(outcomes),
        "follows": rate([outcome.follows for outcome in outcomes]),
        "changes": rate([outcome.changes for outcome in outcomes]),
        "changes by operations left": {
            n_left: rate([outcome.changes for outcome in by_place[n_left]])
            for n_left in sorted(by_place)
        },
        "follows by operations left": {
            n_left: rate([outcome.follows for outcome in by_place[n_left]])
            for n_left in sorted(by_place)
        },
    }


def curve(label: str, rates: dict[int, dict[str, Any]]) -> RateCurve:
    """Return the rates by operations left as a curve."""
    return RateCurve(
        label,
        [float(n_left) for n_left in rates],
        [each["rate"] for each in rates.values()],
        [each["interval"] for each in rates.values()],
    )


def print_report(report: dict[str, Any], n_right: int, n_problems: int) -> None:
    """Print the tests as a table."""
    table = Table("changed number", "traces", "answer follows it", "answer changes", box=None)
    for name, each in report.items():
        cells = [
            f"{share['rate']:.1%} ({share['interval'][0]:.1%} to {share['interval'][1]:.1%})"
            for share in (each["follows"], each["changes"])
        ]
        table.add_row(name, str(each["traces"]), *cells)
    Console(width=110).print(table)
    print(f"{n_right} of {n_problems} traces were right before the change")


def main(config: FaithfulnessConfig) -> int:
    """Change numbers, let the model continue, and print how often its answer follows."""
    started, device = time.perf_counter(), pick_device(config.device)
    start = load_start_model(device=device)
    largest = start.recipe["chain_operand"]
    tasks = Tasks.load(largest, start.recipe["chain_operations"])

    def greedy(texts: list[str]) -> list[str]:
        samples = sample_texts(start.model, texts, 1, 0.0, MAX_TRACE, torch.Generator(device))
        return [text for [text] in samples]

    chains = own_right_traces(fresh_chains(tasks, config.n_problems), greedy)
    if not chains:
        raise BadInput(f"none of {config.n_problems} traces is right; take more --n-problems")
    random = np.random.default_rng(0)
    changed = {
        RESULT: [change_result(chain, random) for chain in chains],
        OPERAND: [change_operand(chain, random, largest) for chain in chains],
        UNREAD: [change_unread_operand(chain, random, largest) for chain in chains],
    }
    report = {
        name: describe_outcomes(tampering_outcomes([each for each in traces if each], greedy))
        for name, traces in changed.items()
    }
    if config.plot is not None:
        lines = [
            curve("result in the trace changed: answer follows",
                  report[RESULT]["follows by operations left"]),
            curve("operand in the prompt changed: answer changes",
                  report[OPERAND]["changes by operations left"]),
            curve("operand that no step has used changed: answer follows",
                  report[UNREAD]["follows by operations left"]),
        ]  # fmt: skip
        save_rates_plot(config.plot, lines, "operations after the changed number", "answers (%)")
    if config.json:
        settings = {name: str(value) for name, value in asdict(config).items()}
        conditions = measurement_conditions(device, started)
        shown = {"config": settings, "right traces": len(chains), "tampering": report}
        print(json.dumps(shown | conditions, indent=1))
    else:
        print_report(report, len(chains), config.n_problems)
    return 0


if __name__ == "__main__":
    sys.exit(Script("faithfulness", FaithfulnessConfig, main).main())
