"""The trace of a page: of every stage, a corner of its numbers that fits on a screen."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from gpt.inside.trace import Trace

MAX_ROWS = 16
"""Rows of a table: the last positions, since the prediction is made at the last one."""
MAX_COLUMNS = 8
"""Columns of a table, unless they are positions."""
DECIMALS_OF_TRACE = 3
OVER_POSITIONS = {"ids", "positions", "weights", "bias"}
"""Values whose last axis runs over the positions."""
OVER_VOCABULARY = {"logits", "probabilities"}
"""Values whose last axis runs over the vocabulary."""


class LabelledTable(NamedTuple):
    """A part of a stage's numbers, with labels of its rows and columns."""

    note: str
    """Which part this is."""
    rows: list[str]
    columns: list[str]
    numbers: Float[Tensor, "R C"]


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
            "grids": [
                {
                    "name": name,
                    "shape": list(value.shape),
                    "note": table.note,
                    "rows": table.rows,
                    "columns": table.columns,
                    "numbers": np.round(
                        table.numbers.double().cpu().numpy(), DECIMALS_OF_TRACE
                    ).tolist(),
                }
                for name, value in stage.values.items()
                for table in [corner_of(name, value, trace, likeliest)]
            ],
        }
        for stage in trace.stages
    ]


def corner_of(name: str, value: Tensor, trace: Trace, likeliest: dict[int, str]) -> LabelledTable:
    """Return the part of a stage's numbers that the page shows."""
    pieces = list(trace.pieces)
    if name == "bytes":
        shown = value[None, :MAX_ROWS]
        return LabelledTable(
            "the first bytes",
            [""],
            [f"{b:c}" if b < 128 else "…" for b in shown[0].tolist()],
            shown,
        )
    if name == "residuals":  # T L D
        table, rows, notes = (
            value[-1],
            [f"block {i}" for i in range(value.shape[1])],
            ["the last position"],
        )
    elif value.ndim >= 3:  # H T K or H T T, with an axis for the batch where it is a bias
        table, rows, notes = value.flatten(0, -3)[0], pieces, [f"head 0 of {value.shape[-3]}"]
    elif value.ndim == 1:
        table, rows, notes = value[None], [""], []
    else:
        table, rows, notes = value, pieces, []
    if name in OVER_VOCABULARY:
        table, columns = table[:, list(likeliest)], list(likeliest.values())
        notes.append(f"the {len(columns)} likeliest next tokens")
    elif name in OVER_POSITIONS:
        table, columns = table[:, -MAX_ROWS:], pieces[-MAX_ROWS:]
    else:
        n_columns = min(table.shape[1], MAX_COLUMNS)
        if n_columns < table.shape[1]:
            notes.append(f"the first {n_columns} of {table.shape[1]} columns")
        table, columns = table[:, :n_columns], [str(i) for i in range(n_columns)]
    return LabelledTable(", ".join(notes), rows[-MAX_ROWS:], columns, table[-MAX_ROWS:])
