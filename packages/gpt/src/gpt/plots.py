"""Plots of the loss: an image file, and a few lines of text for a terminal."""

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from gpt.files import write_atomically

BLOCKS = " ▁▂▃▄▅▆▇█"


def save_loss_plot(
    path: Path, records: list[dict[str, Any]], models: dict[str, dict[str, float]]
) -> None:
    """Plot training and validation loss per step, with baseline losses as horizontal lines.

    Args:
        path: the image file to write.
        records: the log of the run.
        models: scores by model, as in a report of `evaluation.report`; all but `gpt` are baselines.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    steps = [record["step"] for record in records]
    axes.plot(steps, [record["loss"] for record in records], lw=0.8, alpha=0.6, label="training")
    validated = [record for record in records if record["validation"] is not None]
    axes.plot(
        [record["step"] for record in validated],
        [record["validation"] for record in validated],
        "o-",
        color="black",
        label="validation",
    )
    baselines = [name for name in models if name != "gpt"]
    for style, name in zip((":", "-.", "--"), baselines, strict=False):
        loss = models[name]["loss"]
        axes.axhline(loss, color="grey", ls=style, lw=1, label=f"{name}, validation")
    axes.set(xlabel="step", ylabel="loss (nats per token)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(framealpha=1, edgecolor="white")  # covers the baselines
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    write_atomically(path, picture.getvalue())


def loss_chart(losses: list[float], width: int = 64, height: int = 10) -> str:
    """Draw the losses in block characters; each column shows the mean of consecutive steps."""
    width = min(width, len(losses))
    edges = [len(losses) * column // width for column in range(width + 1)]
    means = [sum(losses[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    eighths = [8 * height * (mean - low) / (high - low or 1) for mean in means]
    rows = []
    for row in reversed(range(height)):
        cells = [BLOCKS[max(1 if row == 0 else 0, min(8, round(e - 8 * row)))] for e in eighths]
        label = {height - 1: f"{high:.2f}", 0: f"{low:.2f}"}.get(row, "")
        rows.append(f"{label:>6} │{''.join(cells)}")
    return "\n".join(
        [*rows, f"{'':>6} └{'─' * width}", f"{'step':>6}  1{len(losses):>{width - 1}}"]
    )
