"""Options of `reasoning grpo`."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import tyro

from gpt.errors import BadInput
from gpt.runs.options import Hidden, PhaseLoopConfig, RunOptions
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.start.loading import SHIPPED_NAME

COUNTDOWN, RANDOM = "countdown", "random"
"""Names of the reward functions of the package."""
DEFAULT_GRPO = GRPOHyperparameters()
GRPO_LOOP = PhaseLoopConfig(
    learning_rate=1e-4, min_lr_ratio=0.1, warmup_ratio=0.05, beta2=0.99, weight_decay=0.0
)


@dataclass(frozen=True)
class GrpoConfig(RunOptions):
    """Train a model on rewards of its own answers, several to each prompt."""

    command: ClassVar[str] = "reasoning grpo"

    loop: tyro.conf.OmitArgPrefixes[PhaseLoopConfig] = GRPO_LOOP
    """Optimizer and learning rate of the updates."""
    grpo: tyro.conf.OmitArgPrefixes[GRPOHyperparameters] = DEFAULT_GRPO
    """Hyperparameters of GRPO."""
    batch_size: Hidden[int] = RunOptions.batch_size
    micro_batch_size: int | None = 16
    """Answers per forward and backward pass. Answers of similar length share one, to save padding;
    the update does not depend on it."""
    model: str = SHIPPED_NAME
    """Model to start from: `start`, which comes with the package, or the folder of a run."""
    name: str = "grpo"
    reward: str = COUNTDOWN
    """Score of an answer: `countdown` checks it by the rules, `random` ignores it (a control).
    A Python file has a function reward(prompt, answers) that returns one number per answer."""
    prompts: str = ""
    """Text file with one prompt per line, in the words of the model, such as
    `24 : 4 7 9 11 think`. Default: all puzzles of countdown that are not held out."""
    method: Literal["grpo", "rejection-sft", "continued-sft"] = "grpo"
    """Train by GRPO, or by a control that sees as many answers: only on the right answers, or on
    fresh traces of the start model's training."""
    n_evaluated: int = 200
    """Problems of the evaluation before and after, each sampled 32 times: held-out puzzles, or the
    first prompts of --prompts. More give narrower intervals, but take longer."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range.
        """
        super().__post_init__()
        if self.n_evaluated < 1:
            raise BadInput(f"n_evaluated must be at least 1, got {self.n_evaluated}")
