"""Measurement of the table: run its rows one after another, and save each result in a file.

A table takes a while, so every finished row of a seed is appended to `rows.jsonl` at once. A table
that was interrupted continues after its last row.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from gpt.errors import BadInput
from reasoning.search.cost import Cost
from reasoning.table.chain_rows import CHAIN_ROWS
from reasoning.table.countdown_rows import COUNTDOWN_ROWS
from reasoning.table.setting import Outcome, Setting

ROWS_FILE = "rows.jsonl"
SETTINGS_FILE = "settings.json"
TASKS: dict[str, dict[str, Callable[[Setting], list[Outcome]]]] = {
    "chain": CHAIN_ROWS,
    "countdown": {name: row.outcomes for name, row in COUNTDOWN_ROWS.items()},
}


class RowKey(NamedTuple):
    """A row of one task, with one seed."""

    task: str
    row: str
    seed: int


Table = dict[RowKey, list[Outcome]]
"""The outcomes of rows, problem by problem."""


def run_rows(setting: Setting, folder: Path, done: Table, only: str) -> Iterator[RowKey]:
    """Run the rows of a setting that are not done yet, and yield the key of each saved row.

    Args:
        setting: problems, models and the seed.
        folder: folder of the table.
        done: the table so far, which grows.
        only: rows to run: those whose name contains this text.
    """
    for task, rows in TASKS.items():
        for name, row in rows.items():
            key = RowKey(task, name, setting.seed)
            if key in done or only not in name:
                continue
            outcomes = row(setting)
            append_row(folder / ROWS_FILE, key, outcomes)
            done[key] = outcomes
            yield key


def append_row(path: Path, key: RowKey, outcomes: list[Outcome]) -> None:
    """Append a row to the file as one line, and wait until it is on the disk."""
    columns = {"right": [each.right for each in outcomes]}
    for name in Cost.__dataclass_fields__:
        columns[name] = [getattr(each.cost, name) for each in outcomes]
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(key._asdict() | columns) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_rows(path: Path) -> Table:
    """Return the rows of a file; a last line that was cut off while it was written is left out.

    Raises:
        BadInput: another line is damaged.
    """
    table: Table = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            costs = zip(*(row[name] for name in Cost.__dataclass_fields__), strict=True)
            pairs = zip(row["right"], costs, strict=True)
            key = RowKey(row["task"], row["row"], row["seed"])
            table[key] = [Outcome(right, Cost(*cost)) for right, cost in pairs]
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                break
            raise BadInput(f"line {number} of {str(path)!r} is not a row of the table") from error
    return table


def open_table(folder: Path, settings: dict[str, object], overwrite: bool) -> Table:
    """Open or create the folder of a table, and return the rows that it already has.

    Raises:
        BadInput: the folder has a table with other settings, or its rows are damaged.
    """
    path = folder / SETTINGS_FILE
    if path.is_file() and not overwrite:
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BadInput(f"{str(path)!r} is damaged; add --overwrite to start again") from error
        if earlier != settings:
            raise BadInput(
                f"{str(folder)!r} has a table with other settings; choose another --name, or add "
                "--overwrite"
            )
        table = read_rows(folder / ROWS_FILE)
    else:
        (folder / ROWS_FILE).unlink(missing_ok=True)
        table = {}
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    rewrite_rows(folder / ROWS_FILE, table)
    return table


def rewrite_rows(path: Path, table: Table) -> None:
    """Write the rows again, without a line that was cut off."""
    path.unlink(missing_ok=True)
    for key, outcomes in table.items():
        append_row(path, key, outcomes)
