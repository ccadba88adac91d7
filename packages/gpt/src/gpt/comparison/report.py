"""The body of every `compare` command: compute groups of rows one after the other, print them."""

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
"""Function that computes the rows of a group."""


def report_comparison(
    groups: Iterable[tuple[str, ComputeRows]], only: str, as_json: bool, baselines: str
) -> int:
    """Print the rows, and return the exit status: 0 if all rows are equal, else 1.

    Args:
        groups: name of each group, and the function that computes its rows.
        only: compute only the groups whose name contains this text.
        as_json: print one JSON document instead of a table.
        baselines: the module that imports the libraries.

    Raises:
        BadInput: no group matches, or the libraries are not installed.
    """
    all_groups = dict(groups)
    chosen = {name: compute for name, compute in all_groups.items() if only in name}
    if not chosen:
        names = ", ".join(all_groups)
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
    return 0 if all(row.is_equal for row in rows) else 1


def compute_rows(groups: dict[str, ComputeRows]) -> list[ComparisonRow]:
    """Compute the rows of all groups; each group begins with the same random seed."""
    rows: list[ComparisonRow] = []
    for name, compute in groups.items():
        report_message(f"comparing: {name}")
        torch.manual_seed(0)
        with contextlib.redirect_stdout(sys.stderr):  # libraries may print
            group = compute()
        rows += [group] if isinstance(group, ComparisonRow) else group
    return rows


def print_rows(rows: list[ComparisonRow]) -> None:
    """Print the rows as a table."""
    table = Table("compared", "library", box=SIMPLE_HEAD)
    for heading in ("difference", "allowed", "ours", "library's", "speedup", "floor", ""):
        table.add_column(heading, justify="right")
    for row in rows:
        times = [format_seconds(row.ours_s), format_seconds(row.library_s)]
        ratio = "" if row.speedup is None else f"{row.speedup:.2f}"
        verdict = "ok" if row.is_equal else "NOT EQUAL"
        floor = "" if row.floor is None else f"{row.floor:g}"
        table.add_row(
            row.name + (f"\n{row.note}" if row.note else ""),
            row.library,
            f"{row.max_abs_diff:.2g}",
            f"{row.tolerance:g}",
            *times,
            ratio,
            floor,
            verdict + (", slow" if row.is_slow else ""),
        )
    console = Console(highlight=False, width=max(Console().width, 140))
    with console.capture() as text:
        console.print(table)
    print(text.get(), end="")


def format_seconds(value: float | None) -> str:
    """Format a time in seconds or milliseconds; None becomes an empty string."""
    if value is None:
        return ""
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.1f} ms"
