"""`reasoning table`: all methods on the same problems, with their costs and their oracles."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from gpt.errors import BadInput
from gpt.runs.options import check_run_name
from gpt.runs.progress import report_message
from reasoning.start.gate import fresh_chains, held_out_puzzles
from reasoning.start.shipped import StartModel, load_start_model
from reasoning.table.claims import CHAIN_CLAIMS, COUNTDOWN_CLAIMS, ClaimResult, check_claims
from reasoning.table.grid import LETTERS, claims_grid, rates_grid
from reasoning.table.measure import TASKS, RowKey, Table, open_table, run_rows
from reasoning.table.picture import draw_costs
from reasoning.table.report import RowRate, row_rate
from reasoning.table.setting import Outcome, Setting
from reasoning.verifier.shipped import load_verifier

CLAIMS = {"chain": CHAIN_CLAIMS, "countdown": COUNTDOWN_CLAIMS}


@dataclass(frozen=True)
class TableConfig:
    """Measure all methods on the same held-out problems."""

    n_problems: int = 1000
    """Puzzles, and as many chains. More make the intervals narrower."""
    n_seeds: int = 3
    """Seeds of everything that is sampled. More make the means more certain."""
    only: str = ""
    """Measure only the rows whose name contains this text."""
    runs: str = "runs"
    """Folder of the runs."""
    name: str = "table"
    """Name of this table's folder. A table that was interrupted continues in it."""
    overwrite: bool = False
    """Discard the rows of an earlier table of this name."""
    json: bool = False
    """Print one JSON document instead of tables."""

    def __post_init__(self) -> None:
        """Raise BadInput for a number out of range, or a name that cannot be used."""
        check_run_name(self.name)
        for name in ("n_problems", "n_seeds"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        names = [name for rows in TASKS.values() for name in rows]
        if not any(self.only in name for name in names):
            raise BadInput(f"no row has {self.only!r} in its name; there are: {'; '.join(names)}")


def run(config: TableConfig) -> int:
    """Measure the rows that are missing, then print all of them and check what is said of them."""
    start, folder, console = load_start_model(), Path(config.runs, config.name), Console()
    # before the folder is made: there may be fewer problems than were asked for
    settings = [make_setting(start, config, seed) for seed in range(config.n_seeds)]
    table = open_table(folder, {"n_problems": config.n_problems}, config.overwrite)
    for setting in settings:
        for task, row, _ in run_rows(setting, folder, table, config.only):
            report_message(f"seed {setting.seed}, {task}: {row}")
    outcomes = by_task(table, config)
    rates = {
        task: {name: row_rate(each) for name, each in rows.items()}
        for task, rows in outcomes.items()
    }
    claims = {task: check_claims(CLAIMS[task], rows) for task, rows in outcomes.items()}
    picture = folder / "costs.png"
    draw_costs(rates.get("countdown", {}), picture)
    if config.json:
        print(json.dumps(table_as_json(config, rates, claims)))
    else:
        problems = f"{config.n_problems} problems, seeds 0 to {config.n_seeds - 1}"
        for task in rates:
            console.print(rates_grid(task, rates[task], f"{task}: {problems}"))
            console.print(f"(uses: {LETTERS})\n", highlight=False)
            console.print(claims_grid(claims[task]))
    report_message(
        f"the rows are in {str(folder)!r}, the picture of their costs is {str(picture)!r}"
    )
    return 0


def make_setting(start: StartModel, config: TableConfig, seed: int) -> Setting:
    """Return the problems, which are the same for all seeds, and the models."""
    tasks = start.tasks()
    return Setting(
        held_out_puzzles(tasks, config.n_problems),
        fresh_chains(tasks, config.n_problems),
        start.model,
        load_verifier().verifier,
        seed,
    )


def by_task(table: Table, config: TableConfig) -> dict[str, dict[str, list[list[Outcome]]]]:
    """Return the outcomes of each row that all seeds have measured, in the order of the table."""
    seeds, tasks = range(config.n_seeds), {}
    for task, names in TASKS.items():
        rows = {
            name: [table[RowKey(task, name, seed)] for seed in seeds]
            for name in names
            if config.only in name and all(RowKey(task, name, seed) in table for seed in seeds)
        }
        if rows:
            tasks[task] = rows
    return tasks


def table_as_json(
    config: TableConfig,
    rates: dict[str, dict[str, RowRate]],
    claims: dict[str, list[ClaimResult]],
) -> dict[str, Any]:
    """Return rates and claims as one document."""
    return {
        "config": dataclasses.asdict(config),
        "rows": {
            task: {name: rate._asdict() for name, rate in rows.items()}
            for task, rows in rates.items()
        },
        "claims": [
            {
                "task": task,
                **each.claim._asdict(),
                "mean": each.gain.estimate,
                "low": each.gain.low,
                "high": each.gain.high,
                "more_tokens": each.more_tokens,
                "holds": each.holds,
            }
            for task, results in claims.items()
            for each in results
        ],
    }
