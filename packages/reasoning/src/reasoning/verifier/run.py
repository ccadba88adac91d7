"""Training a verifier in a run folder: options, labels, training, and the report at the end.

::

    config.json  tokenizer.json  labels.jsonl  log.jsonl  checkpoints/  verifier.safetensors
    report.json

The first process of a new run makes the labels, once; a resumed run reads them again.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch
import tyro
from tyro.conf import arg

from gpt.errors import BadInput
from gpt.files import write_atomically
from gpt.policy.rows import EpochSampler, step_batches
from gpt.runs.checkpoints import best_checkpoint
from gpt.runs.folder import RunFolder
from gpt.runs.options import RunOptions
from gpt.runs.progress import report_message
from gpt.runs.state import load_weights, select_prefix
from gpt.runs.training_run import TrainingRun
from gpt.text.tokenizers import save_tokenizer
from gpt.training.loop import LoopConfig, train
from gpt.training.recipes import FAST_RECIPE
from reasoning.start.data import sample_puzzle
from reasoning.start.shipped import SHIPPED, StartModel, load_start_model
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import TOKENIZER
from reasoning.verifier.attempts import Attempt, finish_attempts
from reasoning.verifier.data import LabelEstimate, VerifierKind, label_rows, verifier_loss
from reasoning.verifier.labels import StepLabels, label_steps
from reasoning.verifier.model import Verifier, as_verifier
from reasoning.verifier.shipped import VERIFIER_FILE

LABELS_FILE, VERIFIER_REPORT = "labels.jsonl", "report.json"
TOKENS_PER_ROW = 25
"""Tokens of an attempt at four numbers, with its prompt."""
VERIFIER_LOOP = dataclasses.replace(
    FAST_RECIPE.loop,
    steps=1200,
    muon_learning_rate=0.02,  # half the rates of the start model, so that it is not forgotten
    learning_rate=3e-3,
    warmup_ratio=0.05,
)


@dataclass(frozen=True)
class PRMConfig(RunOptions):
    """Train a verifier: a process or an outcome reward model of the start model's attempts."""

    command: ClassVar[str] = "reasoning prm"

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = VERIFIER_LOOP
    """Hyperparameters of the training loop."""
    batch_size: int = 128
    """Labelled attempts per step."""
    name: str = "prm"
    kind: VerifierKind = "process"
    """process learns the chance to win after every step, outcome only whether attempts won."""
    estimate: LabelEstimate = "soft"
    """soft labels are the share of rollouts that win, which makes calibrated chances;
    hard ones say whether any rollout wins, which separates rare wins from none."""
    start: Annotated[str | None, arg(help_behavior_hint="(default: the one of the package)")] = None
    """File of the start model, as `reasoning train` writes it, which attempts the puzzles.
    The verifier begins with its weights."""
    n_puzzles: int = 8000
    """Training puzzles that are attempted. More teach more, and take longer to label."""
    n_attempts: int = 4
    """Attempts at each puzzle."""
    n_rollouts: int = 8
    """Rollouts after each step. More make the labels less noisy, and take longer."""
    outcome: Annotated[str | None, arg(help_behavior_hint="(default: none)")] = None
    """File of an outcome model to compare with in best of eight."""
    n_evaluated: int = 200
    """Held-out puzzles of the report, with eight samples each."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is below 1, or an option has no effect.
        """
        super().__post_init__()
        for name in ("n_puzzles", "n_attempts", "n_rollouts", "n_evaluated"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.loop.patience:
            raise BadInput("patience has no effect here: this training has no validation")
        if self.kind == "outcome" and self.outcome is not None:
            raise BadInput("an outcome model is compared with itself; leave out --outcome")

    def start_model(self) -> StartModel:
        """Load the start model of the run."""
        return load_start_model(SHIPPED if self.start is None else Path(self.start))


def make_labels(config: PRMConfig, device: torch.device) -> list[StepLabels]:
    """Sample attempts at training puzzles, and label their steps by rollouts."""
    start = config.start_model()
    model, puzzles = start.model.to(device), start.tasks().four.train
    random = np.random.default_rng(config.loop.seed)
    generator = torch.Generator(device).manual_seed(0)
    drawn = [sample_puzzle(puzzles, random) for _ in range(config.n_puzzles)]
    beginnings = [Attempt(puzzle, "") for puzzle in drawn for _ in range(config.n_attempts)]
    report_message(f"sampling {len(beginnings):,} attempts and their rollouts")
    sampled = finish_attempts(model, beginnings, generator)
    labelled = label_steps(model, sampled.attempts, config.n_rollouts, generator)
    report_message(f"labels cost {sampled.n_tokens + labelled.n_tokens:,} generated tokens")
    return labelled.labels


def create_verifier_run(folder: RunFolder, config: PRMConfig, device: torch.device) -> None:
    """Make the labels of a new run, and write them with its tokenizer and its config."""
    model_config = config.start_model().model.config
    labels = make_labels(config, device)
    folder.clear()
    for name in (VERIFIER_FILE, VERIFIER_REPORT):  # of an earlier run of this name
        (folder.path / name).unlink(missing_ok=True)
    save_tokenizer(folder.tokenizer, TOKENIZER)
    rows = [[*attempt.puzzle, attempt.text, soft] for attempt, soft in labels]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    write_atomically(folder.path / LABELS_FILE, lines)
    sha256 = hashlib.sha256(lines).hexdigest()
    folder.write_config(model_config, sha256, config.settings(), config.command)


def read_labels(folder: RunFolder) -> list[StepLabels]:
    """Return the labels of a run.

    Raises:
        BadInput: the file is missing, or not what the run was started with.
    """
    path = folder.path / LABELS_FILE
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != folder.read_config()["text_sha256"]:
        raise BadInput(f"{str(path)!r} is not what the run was started with; use --overwrite")
    rows = map(json.loads, content.decode().splitlines())
    return [
        StepLabels(Attempt(Puzzle(tuple(numbers), target), text), soft)
        for numbers, target, text, soft in rows
    ]


def train_verifier(run: TrainingRun, config: PRMConfig) -> None:
    """Train the verifier of a run on its labels, from its last checkpoint."""
    labels = read_labels(run.folder)
    verifier = as_verifier(config.start_model().model).to(run.device)
    epochs = EpochSampler(len(labels), config.batch_size, config.loop.seed)
    size = config.micro_batch_size or config.batch_size
    to_rows = partial(label_rows, kind=config.kind, estimate=config.estimate)
    batches = step_batches(labels, to_rows, epochs, size, run.device)
    start, checkpoints = run.last_checkpoint(), run.folder.checkpoints
    records = train(verifier, batches, verifier_loss, config.loop, start=start, folder=checkpoints)
    title = f"{verifier.n_parameters():,} parameters on {run.device.type}"
    run.follow(records, config.loop.steps, title, config.batch_size * TOKENS_PER_ROW)


def load_trained_verifier(folder: RunFolder) -> Verifier:
    """Return the verifier of a finished run."""
    verifier = Verifier(folder.model_config())
    load_weights(verifier, select_prefix(best_checkpoint(folder.checkpoints).tensors, "model"))
    return verifier.eval()
