"""A picture of the table: the accuracy of each method of countdown, by the tokens that it costs."""

import io
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from gpt.files import write_atomically
from reasoning.table.countdown_rows import N_CHOICES
from reasoning.table.report import RowRate

LINES = {
    "vote": ("one trace", *(f"vote of {n}" for n in N_CHOICES)),
    "attempts in one trace": ("1 attempt", *(f"{n} attempts" for n in (2, 3, 4, 8))),
    "best of n, process model": ("one trace", *(f"best of {n}, process" for n in N_CHOICES)),
    "best of n, process of the answer": (
        "one trace",
        *(f"best of {n}, process of the answer" for n in N_CHOICES),
    ),
    "best of n, oracle": ("one trace", *(f"best of {n}, oracle" for n in N_CHOICES)),
}
"""Rows that are one method with a growing number of samples or attempts."""
POINTS = (
    *("at once", "one trace, greedy", "ToT, own verdict, 8 of 8", "ToT, own verdict, 8 of 20"),
    *("MCTS, process", "MCTS, process, end test", "MCTS, rollouts"),
)


def draw_costs(rates: Mapping[str, RowRate], path: Path) -> None:
    """Plot accuracy against tokens per problem, generated and read, as a PNG file.

    Dashed lines and hollow points use the end test, which no method has where answers cannot be
    checked.
    """
    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    for label, names in LINES.items():
        rows = [rates[name] for name in names if name in rates]
        style = "o--" if "oracle" in label else "o-"
        axes.plot(
            [row.tokens for row in rows], [100 * row.right for row in rows], style, label=label
        )
    for name, marker in zip(POINTS, "sv^DPX*", strict=True):
        if name in rates:
            row, is_hollow = rates[name], "end test" in name or "rollouts" in name
            look = {"marker": marker, "edgecolors": "black", "zorder": 3, "label": name}
            face = "none" if is_hollow else "black"
            axes.scatter(row.tokens, 100 * row.right, 50, face, **look)
    axes.set(
        xscale="log", xlabel="tokens per puzzle, generated and read", ylabel="solved (percent)"
    )
    axes.set_ylim(0, 100)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, loc="lower right")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    write_atomically(path, picture.getvalue())
