"""Figures of the stages: losses, PPO's scores, and the frontier of the sums task."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from finetune.optimum.frontier import FrontierPoint
from gpt.files import write_atomically

LogRecords = Sequence[Mapping[str, Any]]
"""Records of a run's log."""


def save_stage_figure(
    path: Path,
    logs: Mapping[str, LogRecords],
    curve: Sequence[FrontierPoint],
    policies: Mapping[str, Sequence[FrontierPoint]],
) -> None:
    """Draw four panels and save them as a PNG file.

    Args:
        path: the file to write.
        logs: logs of the runs sft, reward, dpo and ppo.
        curve: the frontier of the sums task.
        policies: KL and reward of trained policies on that task, by method.
    """
    figure = Figure(figsize=(10, 7), layout="constrained")
    (losses, pairs), (ppo, optimum) = figure.subplots(2, 2)
    draw_losses(losses, {"sft": logs["sft"]}, "nats per token", "Supervised fine-tuning")
    draw_losses(pairs, {name: logs[name] for name in ("reward", "dpo")}, "nats per pair", "Pairs")
    draw_rewards(ppo, logs["ppo"])
    draw_frontier(optimum, curve, policies)
    for axes in (losses, pairs, ppo, optimum):
        axes.spines["top"].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=130)
    write_atomically(path, picture.getvalue())


def draw_losses(axes: Axes, logs: Mapping[str, LogRecords], unit: str, title: str) -> None:
    """Plot training losses as lines and held-out losses as dots."""
    for name, records in logs.items():
        [line] = axes.plot(*steps_and_values(records, "loss"), lw=0.8, alpha=0.6, label=name)
        held_out = [each for each in records if each["validation"] is not None]
        axes.plot(
            *steps_and_values(held_out, "validation"),
            "o",
            color=line.get_color(),
            label=f"{name}, held out",
        )
    axes.set(xlabel="step", ylabel=f"loss ({unit})", title=title)
    axes.spines["right"].set_visible(False)
    axes.legend(loc="upper right", ncols=2, frameon=False)


def draw_rewards(axes: Axes, records: LogRecords) -> None:
    """Plot the reward model's score and, on a second axis, the KL from the starting model."""
    [score] = axes.plot(*steps_and_values(records, "score"), label="score")
    right = axes.twinx()
    [kl] = right.plot(*steps_and_values(records, "kl"), "--", color="tab:red", label="KL")
    axes.set(xlabel="phase", ylabel="reward model's score", title="PPO")
    right.set_ylabel("KL from the start (nats per answer)")
    right.spines["top"].set_visible(False)
    axes.legend(handles=[score, kl], frameon=False)


def draw_frontier(
    axes: Axes, curve: Sequence[FrontierPoint], policies: Mapping[str, Sequence[FrontierPoint]]
) -> None:
    """Plot the best reward at every KL, and the trained policies."""
    axes.plot(*zip(*curve, strict=True), color="black", lw=1, label="best possible")
    for mark, (name, points) in zip("osd^v", policies.items(), strict=False):
        axes.plot(*zip(*points, strict=True), mark, label=name)
    axes.set(
        xlabel="KL from the reference (nats per answer)",
        ylabel="share of right sums",
        title="Sums: a known optimum",
    )
    axes.spines["right"].set_visible(False)
    axes.legend(frameon=False)


def steps_and_values(records: LogRecords, name: str) -> tuple[list[float], list[float]]:
    """Read the steps and a column of a log."""
    return [each["step"] for each in records], [each[name] for each in records]
