"""Predict the data or the velocity: shapes by caption, at two patch sizes, with several seeds.

    uv run python packages/diffusion/scripts/x_or_v.py --plot x-or-v.png

A patch of 4 x 4 pixels has 48 numbers, fewer than the network is wide; a patch of 16 x 16 pixels
has 768, several times its width. Both targets have the same loss, that of the velocity, the same
steps, batches and noise (Li and He 2025, "Back to Basics", arXiv 2511.13720, table 1).

Recorded (`chapters/recorded/x-or-v.json`): 44 minutes on one thread of an AMD EPYC that also did
other work, torch 2.15.0. Right in all attributes, in seen and in held-out combinations, means of
three seeds: patches of 4 x 4 pixels 3.5 % and 3.5 % (v), 28.2 % and 21.2 % (x); patches of 16 x 16
pixels 0 % and 0 % (v), 16.0 % and 10.7 % (x).
"""

import dataclasses
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from diffusion.evaluation.shapes import ALL_AT_ONCE, score_shapes
from diffusion.flow.guidance import Guidance
from diffusion.flow.path import Target
from diffusion.model.fast import use_fast_operations
from diffusion.training.batches import flow_validation
from diffusion.training.examples import TaskExamples, load_examples
from diffusion.training.fit import fit_flow
from diffusion.training.flow_run import flow_model_config
from diffusion.training.image_model import ImageModel, SamplingPlan, draw_captions
from diffusion.training.options import TrainConfig, recipe
from gpt.errors import BadInput
from gpt.plots import save_figure
from gpt.program import Script
from gpt.recording import measurement_conditions

TARGETS: tuple[Target, ...] = ("v", "x")
GUIDANCE = Guidance(2.0)


@dataclass(frozen=True)
class XOrVConfig:
    """Train shapes by caption with both targets at two patch sizes, and compare."""

    steps: int = 600
    """Training steps of each model."""
    batch_size: int = 64
    """Images per step."""
    d_model: int = 128
    """Width of the networks."""
    n_layers: int = 4
    """Blocks of the networks."""
    patch_sizes: tuple[int, ...] = (4, 16)
    """Pixels per side of a patch."""
    n_seeds: int = 3
    """Models per target and patch size."""
    n_samples: int = 200
    """Samples of seen combinations, and as many of held-out ones, per model."""
    plot: Path | None = None
    """Image file (PNG) for the figure."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Raise BadInput if there is nothing to compare."""
        for name in ("steps", "batch_size", "d_model", "n_layers", "n_seeds", "n_samples"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class TargetResult:
    """Loss and right samples of one model."""

    target: Target
    patch_size: int
    seed: int
    loss: float
    """Loss of the velocity on combinations that training never shows."""
    seen: float
    """Share of samples that are right in all attributes, for combinations in training."""
    held_out: float
    """The same for combinations that training never shows."""


def train_and_score(options: TrainConfig, examples: TaskExamples, n_samples: int) -> TargetResult:
    """Train a model and measure its samples."""
    torch.manual_seed(options.loop.seed)
    model = flow_model_config(options, (3, 32, 32), examples.prompts, None).build()
    use_fast_operations(model)
    for _ in fit_flow(model, examples.train, options):
        pass
    model.eval()
    validate = flow_validation(examples.held_out, model.null, 100, torch.device("cpu"))
    trained = ImageModel(model, (3, 32, 32), examples.prompts)
    scores = score_shapes(
        draw_captions(trained, SamplingPlan(guidance=GUIDANCE), options.loop.seed), n_samples
    )
    return TargetResult(
        options.target,
        options.patch_size,
        options.loop.seed,
        validate(model),
        scores.seen[ALL_AT_ONCE].estimate,
        scores.held_out[ALL_AT_ONCE].estimate,
    )


def run(config: XOrVConfig) -> int:
    """Train every model, print its results, and draw the figure."""
    started = time.perf_counter()
    base = dataclasses.replace(
        recipe("shapes", "pixel"),
        batch_size=config.batch_size,
        d_model=config.d_model,
        n_layers=config.n_layers,
        n_heads=4,
    )
    examples, results = load_examples(base), []
    for seed in range(config.n_seeds):
        for patch_size in config.patch_sizes:
            for target in TARGETS:
                loop = dataclasses.replace(base.loop, steps=config.steps, seed=seed, ema_decay=0.0)
                options = dataclasses.replace(base, target=target, patch_size=patch_size, loop=loop)
                result = train_and_score(options, examples, config.n_samples)
                results.append(result)
                print(json.dumps(asdict(result)), file=sys.stderr)
    conditions = measurement_conditions(torch.device("cpu"), started)
    if config.plot is not None:
        save_figure(config.plot, draw_results(results, config.patch_sizes))
    if config.json:
        print(json.dumps({"results": [asdict(each) for each in results], **conditions}))
    else:
        print_results(results)
    return 0


def draw_results(results: list[TargetResult], patch_sizes: tuple[int, ...]) -> Figure:
    """Draw loss and right samples by patch size: a point per seed, a line through the means."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    panels = {
        "loss": "loss of the velocity",
        "seen": "right samples, seen (%)",
        "held_out": "right samples, held-out (%)",
    }
    ticks = [f"{size} x {size} pixels,\n{3 * size**2} numbers" for size in patch_sizes]
    for axes, (name, title) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        for target in TARGETS:
            draw_target(axes, [each for each in results if each.target == target], name)
        axes.set_xticks(range(len(patch_sizes)), ticks)
        axes.set(title=title, ylim=(0, None))
        axes.margins(x=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, loc="upper left")
    return figure


def draw_target(axes: Axes, results: list[TargetResult], name: str) -> None:
    """Draw one measure of the models with one target."""
    factor = 1 if name == "loss" else 100
    values: dict[int, list[float]] = {}
    for each in results:
        values.setdefault(each.patch_size, []).append(factor * getattr(each, name))
    label = {"v": "predicts the velocity", "x": "predicts the data"}[results[0].target]
    [line] = axes.plot([sum(row) / len(row) for row in values.values()], label=label)
    for place, row in enumerate(values.values()):
        axes.plot([place] * len(row), row, "o", color=line.get_color(), alpha=0.6)


def print_results(results: list[TargetResult]) -> None:
    """Print the results of each model."""
    table = Table("patch", "target", "seed", "loss of v", "seen", "held-out", box=None)
    for each in sorted(results, key=lambda each: (each.patch_size, each.target, each.seed)):
        rates: list[Any] = [f"{each.loss:.3f}", f"{each.seen:.1%}", f"{each.held_out:.1%}"]
        table.add_row(str(each.patch_size), each.target, str(each.seed), *rates)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(Script("x_or_v", XOrVConfig, run).main())
