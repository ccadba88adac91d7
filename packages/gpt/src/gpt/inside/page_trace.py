"""The trace on a page: of each stage's numbers, a part that fits on a screen."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Num
from torch import Tensor

from gpt.inside.trace import Trace

MAX_ROWS = 16
"""Rows of a table: the last ones, since the next token is predicted at the last position."""
MAX_COLUMNS = 8
"""Columns of a table, unless they are positions."""
TRACE_DECIMALS = 3


class LabelledTable(NamedTuple):
    """A part of a stage's numbers, with labels of its rows and columns."""

    numbers: Num[Tensor, "R C"]
    rows: list[str]
    columns: list[str]
    notes: list[str]
    """Which part this is."""


def trace_data(trace: Trace, likeliest: dict[int, str]) -> list[dict[str, Any]]:
    """Return title, sentence and tables of each stage.

    Args:
        trace: the stages.
        likeliest: ids and texts of the tokens whose scores are shown.
    """
    return [
        {
            "title": stage.title,
            "sentence": stage.sentence,
            "tables": [
                table_data(name, value, trace, likeliest) for name, value in stage.values.items()
            ],
        }
        for stage in trace.stages
    ]


def table_data(name: str, value: Tensor, trace: Trace, likeliest: dict[int, str]) -> dict[str, Any]:
    """Return the shown part of a value as JSON."""
    table = fit_columns(name, matrix_of(name, value, trace), likeliest)
    numbers = table.numbers[-MAX_ROWS:].double().cpu().numpy()
    if len(numbers) < len(table.numbers):
        table.notes.append(f"the last {MAX_ROWS} of {len(table.numbers)} rows")
    return {
        "name": name,
        "shape": list(value.shape),
        "note": ", ".join(table.notes),
        "rows": table.rows[-MAX_ROWS:],
        "columns": table.columns,
        "numbers": np.round(numbers, TRACE_DECIMALS).tolist(),
    }


def matrix_of(name: str, value: Tensor, trace: Trace) -> LabelledTable:
    """Return one matrix of a value: rows are positions, and of the residuals they are blocks."""
    positions = list(trace.pieces)
    if value.ndim == 1:
        return LabelledTable(value[None], [""], positions, [])
    if value.ndim == 2:
        return LabelledTable(value, positions, positions, [])
    if name == "residuals":  # T L D
        blocks = [f"after {number}" for number in range(1, value.shape[1] + 1)]
        return LabelledTable(value[-1], blocks, positions, ["the last position"])
    # H T K or H T S
    return LabelledTable(value[0], positions, positions, [f"head 0 of {len(value)}"])


def fit_columns(name: str, table: LabelledTable, likeliest: dict[int, str]) -> LabelledTable:
    """Keep the columns that are shown: the likeliest tokens, the last positions, or the first."""
    numbers, rows, positions, notes = table
    match name:
        case "logits" | "probabilities":
            notes = [*notes, f"the {len(likeliest)} likeliest next tokens"]
            return LabelledTable(numbers[:, list(likeliest)], rows, [*likeliest.values()], notes)
        case "ids" | "positions" | "weights" | "bias":
            return LabelledTable(numbers[:, -MAX_ROWS:], rows, positions[-MAX_ROWS:], notes)
        case "bytes":
            first = numbers[:, :MAX_ROWS]
            columns = [chr(byte) if byte < 128 else "" for byte in first[0].tolist()]
            return LabelledTable(first, rows, columns, [*notes, f"the first {len(columns)}"])
        case _:
            first = numbers[:, :MAX_COLUMNS]
            columns = [str(number) for number in range(first.shape[1])]
            notes = [*notes, f"the first {len(columns)} of {numbers.shape[1]} columns"]
            return LabelledTable(first, rows, columns, notes)
