"""`diffusion demo`: train a model of digits, then draw captions with the model that ships."""

import dataclasses
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from diffusion.data.digits import digits
from diffusion.display.grid import save_png
from diffusion.display.strip import trajectory_strip
from diffusion.display.terminal import show_images
from diffusion.evaluation.digits import DigitEvaluator
from diffusion.evaluation.score_tables import print_digit_scores
from diffusion.flow.guidance import Guidance
from diffusion.flow.times import sampling_times
from diffusion.training.flow_run import create_flow_run, train_flow_model
from diffusion.training.folder import DiffusionFolder
from diffusion.training.image_model import ImageModel, SamplingPlan, draw_samples, load_run
from diffusion.training.model_file import shipped_model
from diffusion.training.options import DIFFUSION_LOOP, TrainConfig
from gpt.errors import BadInput
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun

N_EVALUATED = 200
N_MOMENTS = 5
"""Times at which the digits are shown in the terminal."""
GUIDANCE = Guidance(2.0)
CAPTIONS = ("noto owl", "fluent red apple", "twemoji rocket")
"""Captions that the shipped model draws."""


@dataclass(frozen=True)
class DemoConfig:
    """Train a model of handwritten digits, draw one of each class, and then three captions."""

    steps: int = 700
    """Training steps. More make better digits and take longer."""
    runs: Path = Path("runs")
    """Folder that holds all runs. The run `demo` in it is replaced."""
    json: bool = False
    """Print the measures as one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Raise BadInput if there are no steps."""
        if self.steps < 1:
            raise BadInput(f"steps must be at least 1, got {self.steps}")


def run(config: DemoConfig) -> int:
    """Train and measure a model of digits, then draw captions with the model that ships."""
    loop = dataclasses.replace(DIFFUSION_LOOP, steps=config.steps)
    options = TrainConfig(loop=loop, name="demo", runs=config.runs, overwrite=True, device="cpu")
    with TrainingRun(options) as run:
        with run.setup():
            create_flow_run(DiffusionFolder(run.folder.path), options)
        train_flow_model(run, options)
    if not run.is_finished:
        return run.status
    folder, model = run.folder.path, load_run(run.folder.path)
    digit_path = draw_path(model, model.label_names, GUIDANCE, folder / "digits.png")
    report_message("measuring samples")
    evaluator = DigitEvaluator(*digits(), N_EVALUATED)
    scores = []
    for guidance in (Guidance(1.0), GUIDANCE):
        plan = SamplingPlan(guidance=guidance)
        samples = draw_samples(model, evaluator.labels[:, None], plan, seed=0)
        scores.append(evaluator.score(samples, guidance))
    caption_path = draw_path(shipped_model(), CAPTIONS, GUIDANCE, folder / "captions.png")
    if config.json:
        rows = [asdict(each) for each in scores]
        print(json.dumps({"judge_accuracy": evaluator.judge_accuracy(), "rows": rows}))
        return 0
    report_message("from noise, above, to a digit of each class, below")
    moments = torch.linspace(0, len(digit_path) - 1, N_MOMENTS).round().long()
    show_images(digit_path[moments].flatten(0, 1), len(model.label_names))
    print_digit_scores(evaluator.judge_accuracy(), scores)
    report_message(f"drawn by the model that ships with the package: {', '.join(CAPTIONS)}")
    show_images(caption_path[-1], len(CAPTIONS))
    report_message(f"how they grew is in {shlex.quote(str(folder))}: digits.png and captions.png")
    return 0


def draw_path(
    model: ImageModel, prompts: Sequence[str], guidance: Guidance, out: Path
) -> Float[Tensor, "n_times B C height width"]:
    """Sample an image of each prompt, draw how they form out of noise, and return all times."""
    plan, generator = SamplingPlan(guidance=guidance), torch.Generator().manual_seed(0)
    path = model.trajectory(model.encode(list(prompts)), plan, generator)
    images = torch.stack([model.to_images(samples) for samples in path])
    times = sampling_times(plan.n_steps).tolist()
    save_png(out, trajectory_strip(images, times, row_captions=prompts))
    return images
