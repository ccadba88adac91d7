"""`diffusion eval`: measure the samples of a trained model, next to real data."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from rich.console import Console
from rich.table import Table
from torch import Tensor

from diffusion.data.digits import digits
from diffusion.evaluation.digits import DigitEvaluator, DigitScores
from diffusion.flow.guidance import Guidance
from diffusion.training.image_model import ImageModel, SamplingPlan, load_run
from diffusion.training.options import TrainConfig
from gpt.device import pick_device
from gpt.errors import BadInput, check_seed
from gpt.files import write_atomically
from gpt.runs.progress import report_message


@dataclass(frozen=True)
class EvalConfig:
    """Measure the samples of a run, at several guidance weights."""

    run: Path = Path("runs/diffusion")
    """Folder of the run."""
    n: int = 450
    """Samples per guidance weight. More make the measures more certain."""
    guidance: tuple[float, ...] = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
    """Guidance weights."""
    guidance_end: float = 1.0
    """Latest time (1 is the noise) at which the weights apply."""
    steps: int = 50
    """Euler steps of the sampler."""
    seed: int = 0
    """Random seed of the noise."""
    device: str = "auto"
    """Device: cpu, cuda or mps; auto takes a GPU if there is one."""
    json: bool = False
    """Print one JSON document instead of a table."""

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
        for weight in self.guidance:
            Guidance(weight, end=self.guidance_end)


def run(config: EvalConfig) -> int:
    """Measure the samples of a run, and print and keep the report."""
    task = TrainConfig.saved(config.run).task
    model = load_run(config.run, pick_device(config.device))
    if task != "digits" or not model.label_names:
        raise BadInput(f"eval measures class-conditional digits; {str(config.run)!r} is not such")
    train, held_out = digits()
    report_message("training the judge and the features on real digits")
    evaluator = DigitEvaluator(train, held_out, config.n)

    def draw(labels: Int[Tensor, " N"], guidance: Guidance) -> Tensor:
        return draw_digits(model, labels, guidance, config.steps, config.seed)

    rows = []
    for weight in config.guidance:
        report_message(f"{config.n} samples with guidance {weight:g}")
        guidance = Guidance(weight, end=config.guidance_end)
        rows.append(evaluator.score(draw, guidance))
    report = {
        "judge_accuracy": evaluator.judge_accuracy(),
        "n": config.n,
        "rows": [asdict(row) for row in rows],
    }
    write_atomically(config.run / "eval.json", json.dumps(report, indent=1).encode())
    if config.json:
        print(json.dumps(report))
    else:
        print_digit_scores(evaluator.judge_accuracy(), rows)
    return 0


def draw_digits(
    model: ImageModel, labels: Int[Tensor, " N"], guidance: Guidance, steps: int = 50, seed: int = 0
) -> Float[Tensor, "N C height width"]:
    """Draw a digit for each label."""
    generator = torch.Generator().manual_seed(seed)
    return model.sample(labels[:, None], SamplingPlan(steps, guidance=guidance), generator)


def print_digit_scores(judge_accuracy: float, rows: list[DigitScores]) -> None:
    """Print a row of measures for each guidance weight."""
    print(f"the judge reads {judge_accuracy:.1%} of held-out real digits right")
    columns = ("guidance", "read right", "coverage", "distance", "Frechet (real)", "copies")
    table = Table(*columns, "diversity", box=None)
    for row in rows:
        table.add_row(
            f"{row.guidance:g}",
            f"{row.accuracy:.1%}",
            f"{row.coverage:.1%}",
            f"{row.distance_ratio:.2f}",
            f"{row.frechet:.2f} ({row.frechet_floor:.2f})",
            f"{row.copies:.1%}",
            f"{row.diversity:.2f}",
        )
    Console().print(table)
