"""`diffusion demo`: train a small model of digits, and watch digits grow out of noise."""

import dataclasses
import json
import os
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from diffusion.commands.eval import draw_digits, print_digit_scores
from diffusion.commands.sample import show_strip
from diffusion.data.digits import digits
from diffusion.evaluation.digits import DigitEvaluator
from diffusion.flow.guidance import Guidance
from diffusion.training.flow_run import create_flow_run, train_flow_model
from diffusion.training.folder import DiffusionFolder
from diffusion.training.image_model import SamplingPlan, load_run
from diffusion.training.options import TrainConfig
from gpt.errors import BadInput
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun

N_EVALUATED = 200


@dataclass(frozen=True)
class DemoConfig:
    """Train a model of handwritten digits, then draw one of each class from noise."""

    steps: int = 700
    """Training steps. More make better digits and take longer."""
    runs: Path = Path("runs")
    """Folder that holds the demo's run."""
    json: bool = False
    """Print one JSON document instead of images and a table."""

    def __post_init__(self) -> None:
        """Raise BadInput if there are no steps."""
        if self.steps < 1:
            raise BadInput(f"steps must be at least 1, got {self.steps}")
