"""Turn finished runs of `reasoning grpo` into small files that can be committed, one per run.

    for seed in 0 1 2; do
        uv run reasoning grpo --seed $seed --name grpo-$seed
        uv run reasoning grpo --seed $seed --name random-$seed --reward random
        uv run reasoning grpo --seed $seed --name rejection-$seed --method rejection-sft
        uv run reasoning grpo --seed $seed --name continued-$seed --method continued-sft \
            --n-phases 720
    done
    uv run python packages/reasoning/scripts/grpo_record.py runs/*-[012] --output recorded

Continued SFT has more phases since its traces are shorter: 60 tokens, and the answers of GRPO 86.

Each file is named by method and seed (grpo-0.json, random-0.json, ...). Then all files of the
folder are compared: the gain of each run, and GRPO with each control of the same seed.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from gpt.errors import BadInput
from gpt.files import write_atomically
from gpt.program import Script
from reasoning.grpo.record import record_run, record_text
from reasoning.grpo.recorded import (
    Rate,
    differences_table,
    gains_table,
    pairs_of_methods,
    read_recorded_runs,
)

RATES: tuple[Rate, ...] = ("pass@1", "pass@8", "pass@32", "greedy")


@dataclass(frozen=True)
class GrpoRecordConfig:
    """Record finished runs of `reasoning grpo`, one small file per run."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""
    output: Path
    """Folder of the files. Files of the same method and seed are replaced."""
    window: int = 10
    """Phases that are averaged into a point of the curve. More make smaller files."""

    def __post_init__(self) -> None:
        """Raise BadInput if there is nothing to record."""
        if not self.runs:
            raise BadInput("name at least one run folder of: reasoning grpo")
        if self.window < 1:
            raise BadInput(f"window must be at least 1, got {self.window}")


def main(config: GrpoRecordConfig) -> int:
    """Write the records of the runs, and compare all records of the folder."""
    records: dict[str, str] = {}
    for path in config.runs:
        record = record_run(path, config.window)
        name = f"{record['method']}-{record['seed']}.json"
        if name in records:
            raise BadInput(f"{str(path)!r} is a second run for {name}; record one of them only")
        records[name] = record_text(record)
    config.output.mkdir(parents=True, exist_ok=True)
    for name, text in records.items():
        write_atomically(config.output / name, text.encode())
    runs, console = read_recorded_runs(config.output), Console(width=140)
    console.print(gains_table(runs, RATES))
    if pairs_of_methods(runs):
        console.print()
        console.print(differences_table(runs, RATES))
    return 0


if __name__ == "__main__":
    sys.exit(Script("grpo_record", GrpoRecordConfig, main).main())
