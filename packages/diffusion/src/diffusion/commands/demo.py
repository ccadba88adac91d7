"""`diffusion demo`: train a small model of digits, and watch digits grow out of noise."""

import dataclasses
import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from diffusion.commands.eval import draw_samples
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
from diffusion.training.image_model import SamplingPlan, load_run
from diffusion.training.options import DIFFUSION_LOOP, TrainConfig
from gpt.errors import BadInput
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun

N_EVALUATED = 200
N_MOMENTS = 5
"""Times at which the digits are shown in the terminal."""
GUIDANCE = Guidance(2.0)


@dataclass(frozen=True)
class DemoConfig:
    """Train a model of handwritten digits, then draw one of each class from noise."""

    steps: int = 700
    """Training steps. More make better digits and take longer."""
    runs: Path = Path("runs")
    """Folder that holds all runs. The run `demo` in it is replaced."""
    json: bool = False
    """Print one JSON document instead of images and a table."""

    def __post_init__(self) -> None:
        """Raise BadInput if there are no steps."""
        if self.steps < 1:
            raise BadInput(f"steps must be at least 1, got {self.steps}")


def run(config: DemoConfig) -> int:
    """Train a model of digits, show how a digit of each class forms, and measure samples."""
    loop = dataclasses.replace(DIFFUSION_LOOP, steps=config.steps)
    options = TrainConfig(loop=loop, name="demo", runs=config.runs, overwrite=True, device="cpu")
    with TrainingRun(options) as run:
        with run.setup():
            create_flow_run(DiffusionFolder(run.folder.path), options)
        train_flow_model(run, options)
    if not run.is_finished:
        return run.status
    model, plan = load_run(run.folder.path), SamplingPlan(guidance=GUIDANCE)
    condition = torch.arange(len(model.label_names))[:, None]
    path = torch.stack(list(model.trajectory(condition, plan, torch.Generator().manual_seed(0))))
    times = sampling_times(plan.n_steps).tolist()
    out = run.folder.path / "strip.png"
    save_png(out, trajectory_strip(path, times, row_captions=model.label_names))
    report_message("measuring samples")
    evaluator = DigitEvaluator(*digits(), N_EVALUATED)
    scores = [
        evaluator.score(
            draw_samples(model, evaluator.labels[:, None], SamplingPlan(guidance=each), 0), each
        )
        for each in (Guidance(1.0), GUIDANCE)
    ]
    if config.json:
        rows = [asdict(each) for each in scores]
        print(json.dumps({"judge_accuracy": evaluator.judge_accuracy(), "rows": rows}))
        return 0
    report_message("from noise, above, to a digit of each class, below")
    moments = torch.linspace(0, len(path) - 1, N_MOMENTS).round().long()
    show_images(path[moments].flatten(0, 1), len(model.label_names))
    print_digit_scores(evaluator.judge_accuracy(), scores)
    report_message(f"the image is {shlex.quote(str(out))}")
    return 0
