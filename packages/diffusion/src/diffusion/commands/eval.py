"""`diffusion eval`: measure the samples of a trained model, next to real data."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from diffusion.data.captions import WordTokenizer
from diffusion.data.digits import digits
from diffusion.data.emoji import STYLES, clear_names, emoji, split_pairs
from diffusion.display.figures import velocity_error_figure
from diffusion.evaluation.digits import DigitEvaluator
from diffusion.evaluation.emoji import EmojiEvaluator
from diffusion.evaluation.points import ERROR_TIMES, score_points, velocity_errors
from diffusion.evaluation.score_tables import (
    print_digit_scores,
    print_emoji_scores,
    print_point_scores,
    print_shape_scores,
)
from diffusion.evaluation.shapes import score_shapes
from diffusion.flow.guidance import Guidance
from diffusion.flow.mixture import ring
from diffusion.training.image_model import (
    ImageModel,
    SamplingPlan,
    draw_captions,
    draw_samples,
    load_run,
)
from diffusion.training.options import TrainConfig
from diffusion.training.prompts import LabelNames
from gpt.device import pick_device
from gpt.errors import BadInput, check_seed
from gpt.files import write_atomically
from gpt.plots import save_figure
from gpt.runs.progress import report_message


@dataclass(frozen=True)
class EvalConfig:
    """Measure the samples of a run at several guidance weights.

    A run of digits must have classes, and a run of shapes or emoji captions. Emoji must have 32
    pixels, because only those have several styles. For points, velocity-error.png in the folder of
    the run shows where the network's velocity is wrong.
    """

    run: Path = Path("runs/diffusion")
    """Folder of the run."""
    n: int = 450
    """Samples per guidance weight: points, digits, or shapes in seen and as many in held-out
    combinations. More make the measures more certain, but take longer. Emoji are always drawn once
    per pair of name and style."""
    guidance: tuple[float, ...] = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
    """Guidance weights, each measured with its own samples. Higher weights match the prompt better
    and vary less; 1 is no guidance."""
    guidance_start: float = 0.0
    """Earliest time (0 is the data) at which the weights apply."""
    guidance_end: float = 1.0
    """Latest time (1 is the noise) at which the weights apply."""
    steps: int = 50
    """Euler steps of the sampler. More are more exact and take longer."""
    seed: int = 0
    """Random seed of the noise."""
    device: str = "auto"
    """Device: cpu, cuda or mps; auto takes a GPU if there is one."""
    json: bool = False
    """Print one JSON document instead of tables."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range.
        """
        check_seed(self.seed)
        if not self.guidance:
            raise BadInput("guidance must have at least one weight, got none")
        if self.steps < 1:
            raise BadInput(f"steps must be at least 1, got {self.steps}")
        self.plans()

    def plans(self) -> list[SamplingPlan]:
        """Return the settings of the sampler for each guidance weight."""
        start, end = self.guidance_start, self.guidance_end
        return [
            SamplingPlan(self.steps, guidance=Guidance(weight, start, end))
            for weight in self.guidance
        ]


def run(config: EvalConfig) -> int:
    """Measure the samples of a run, and print and keep the report."""
    options = TrainConfig.saved(config.run)
    model = load_run(config.run, pick_device(config.device))
    if options.task == "flow2d":
        report = evaluate_points(model, config)
    elif options.task == "digits" and isinstance(model.prompts, LabelNames):
        report = evaluate_digits(model, config)
    elif options.task == "shapes" and isinstance(model.prompts, WordTokenizer):
        report = evaluate_shapes(model, config)
    elif (options.task, options.size) == ("emoji", 32) and isinstance(model.prompts, WordTokenizer):
        report = evaluate_emoji(model, config, options.n_names)
    else:
        raise BadInput(
            "eval measures points, digits by class, and shapes and emoji by caption, "
            f"emoji only at 32 pixels; {str(config.run)!r} is a run of {options.task} "
            f"with condition {options.condition}"
        )
    write_atomically(config.run / "eval.json", json.dumps(report, indent=1).encode())
    if config.json:
        print(json.dumps(report))
    return 0


def evaluate_points(model: ImageModel, config: EvalConfig) -> dict[str, Any]:
    """Compare points and the velocity that leads to them with the true ones."""
    mixture = ring()
    if model.prompts is None:
        prompts, condition = None, model.unconditional(config.n)
        plans = [SamplingPlan(config.steps)]  # guidance has no effect without a condition
    else:
        prompts = torch.arange(config.n) % len(mixture.means)
        condition, plans = prompts[:, None], config.plans()
    rows = []
    for plan in plans:
        points = model.sample(condition, plan, torch.Generator().manual_seed(config.seed))
        rows.append(score_points(points, prompts, mixture, plan.guidance.weight))
    flow = model.flow.cpu()
    errors = velocity_errors(flow, flow.null, mixture, n=10_000)
    figure = velocity_error_figure(
        ERROR_TIMES, {"network": errors}, "squared error of the velocity"
    )
    save_figure(config.run / "velocity-error.png", figure)
    if not config.json:
        print_point_scores(errors.mean().item(), rows)
    velocity = {"times": ERROR_TIMES.tolist(), "squared_errors": errors.tolist()}
    return {"n": config.n, "velocity": velocity, "rows": [asdict(row) for row in rows]}


def evaluate_digits(model: ImageModel, config: EvalConfig) -> dict[str, Any]:
    """Measure digits of each class, and print a row for each guidance weight."""
    report_message("training the judge and the features on real digits")
    evaluator = DigitEvaluator(*digits(), config.n)
    rows = []
    for plan in config.plans():
        report_message(f"{config.n} samples with guidance {plan.guidance.weight:g}")
        images = draw_samples(model, evaluator.labels[:, None], plan, config.seed)
        rows.append(evaluator.score(images, plan.guidance))
    accuracy = evaluator.judge_accuracy()
    if not config.json:
        print_digit_scores(accuracy, rows)
    return {"judge_accuracy": accuracy, "n": config.n, "rows": [asdict(row) for row in rows]}


def evaluate_shapes(model: ImageModel, config: EvalConfig) -> dict[str, Any]:
    """Read seen and held-out combinations of shapes back, and print the right shares."""
    rows = {}
    for plan in config.plans():
        weight = plan.guidance.weight
        report_message(f"{2 * config.n} samples with guidance {weight:g}")
        rows[weight] = score_shapes(draw_captions(model, plan, config.seed), config.n)
    if not config.json:
        print_shape_scores(rows)
    return {"n": config.n, "rows": [{"guidance": w} | asdict(row) for w, row in rows.items()]}


def evaluate_emoji(model: ImageModel, config: EvalConfig, n_names: int) -> dict[str, Any]:
    """Judge emoji of seen and held-out pairs of name and style, and print the right shares."""
    report_message("training the judge on real drawings")
    split = split_pairs(emoji(STYLES, 32, clear_names(n_names)))
    evaluator, rows = EmojiEvaluator(split.train, split.held_out), {}
    for plan in config.plans():
        weight = plan.guidance.weight
        report_message(f"every pair with guidance {weight:g}")
        rows[weight] = evaluator.score(draw_captions(model, plan, config.seed))
    if not config.json:
        print_emoji_scores(rows)
    return {"rows": [{"guidance": w} | asdict(row) for w, row in rows.items()]}
