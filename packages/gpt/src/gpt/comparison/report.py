"""What every `compare` does: compute groups of rows, one after the other, and print them."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable
from importlib import import_module

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from gpt.comparison.rows import ComparisonRow
from gpt.errors import BadInput
from gpt.runs.progress import report_message

ComputeRows = Callable[[], ComparisonRow | list[ComparisonRow]]
"""A group: what it computes when its turn comes."""


def report_comparison(
    groups: Iterable[tuple[str, ComputeRows]], only: str, as_json: bool, baselines: str
) -> int:
    """Print the rows, and return 0 if all are equal, else 1.

    Args:
        groups: names, and how their rows are computed.
        only: compute only the groups whose name holds this.
        as_json: print one JSON document instead of a table.
        baselines: the module that imports the libraries.

    Raises:
        BadInput: no group has such a name, or the libraries are not installed.
    """
    everything = dict(groups)
    chosen = {name: make for name, make in everything.items() if only in name}
    if not chosen:
        names = ", ".join(everything)
        raise BadInput(f"no group of rows is called {only!r}; there are {names}")
    try:
        import_module(baselines)
    except ImportError as error:
        raise BadInput(str(error)) from error
    rows = compute_rows(chosen)
    if as_json:
        print(json.dumps({"rows": [row.to_json() for row in rows]}))
    else:
        print_rows(rows)
    return 0 if all(row.ok for row in rows) else 1


def compute_rows(groups: dict[str, ComputeRows]) -> list[ComparisonRow]:
    """The rows of all groups; each group begins with the same random numbers."""
    rows: list[ComparisonRow] = []
    for name, make in groups.items():
        report_message(f"comparing: {name}")
        torch.manual_seed(0)
        with contextlib.redirect_stdout(sys.stderr):  # libraries may print
            made = make()
        rows += [made] if isinstance(made, ComparisonRow) else made
    return rows


def print_rows(rows: list[ComparisonRow]) -> None:
    """The rows as a table."""
    table = Table("what", "library", box=SIMPLE_HEAD)
    for heading in ("difference", "allowed", "ours", "library's", "speedup", "floor", ""):
        table.add_column(heading, justify="right")
    for row in rows:
        times = [format_seconds(row.ours_s), format_seconds(row.library_s)]
        ratio = "" if row.speedup is None else f"{row.speedup:.2f}"
        verdict = "ok" if row.ok else "NOT EQUAL"
        floor = "" if row.floor is None else f"{row.floor:g}"
        table.add_row(
            row.name + (f"\n{row.note}" if row.note else ""),
            row.library,
            f"{row.max_abs_diff:.2g}",
            f"{row.tolerance:g}",
            *times,
            ratio,
            floor,
            verdict + (", slow" if row.slow else ""),
        )
    console = Console(highlight=False, width=max(Console().width, 140))
    with console.capture() as text:
        console.print(table)
    print(text.get(), end="")


def format_seconds(value: float | None) -> str:
    """A time to read."""
    if value is None:
        return ""
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.1f} ms"
