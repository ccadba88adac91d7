"""Plots of the loss, as an image file and as text for a terminal, and of measured rates."""

import io
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from gpt.files import write_atomically

BLOCKS = " ▁▂▃▄▅▆▇█"


def save_loss_plot(
    path: Path,
    records: list[dict[str, Any]],
    models: dict[str, dict[str, float]],
    ylabel: str = "loss (nats per token)",
) -> None:
    """Plot training and validation loss per step, with baseline losses as horizontal lines.

    Args:
        path: the image file to write.
        records: the log of the run.
        models: scores by model, as in a report of `evaluation.scores`; all but `gpt` are baselines.
        ylabel: what the loss is, with its unit.
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
    axes.set(xlabel="step", ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(framealpha=1, edgecolor="white")  # covers the baselines
    save_figure(path, figure)


class RateCurve(NamedTuple):
    """Measured rates along an axis, each with its interval."""

    label: str
    x: list[float]
    rates: list[float]
    intervals: list[tuple[float, float]]


def save_rates_plot(path: Path, curves: list[RateCurve], xlabel: str, ylabel: str) -> None:
    """Plot rates in percent, with their intervals as error bars."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for curve in curves:
        pairs = list(zip(curve.rates, curve.intervals, strict=True))
        below = [100 * (rate - low) for rate, (low, _) in pairs]
        above = [100 * (high - rate) for rate, (_, high) in pairs]
        percent = [100 * rate for rate in curve.rates]
        axes.errorbar(curve.x, percent, yerr=[below, above], fmt="o-", capsize=3, label=curve.label)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save_figure(path, figure)


def save_figure(path: Path, figure: Figure) -> None:
    """Write a figure as a PNG file."""
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
