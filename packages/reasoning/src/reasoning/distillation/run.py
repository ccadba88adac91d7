"""Distillation in a run folder: options, the teacher's traces, and the training of the student."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
import tyro
from tyro.conf import arg

from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.policy.loss import sft_loss
from gpt.policy.policy import Policy
from gpt.policy.rows import EpochSampler, Rows, pad_examples, step_batches
from gpt.runs.folder import RunFolder, load_model
from gpt.runs.options import RunOptions
from gpt.runs.processes import n_processes
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from gpt.text.tokenizers import save_tokenizer
from gpt.training.accumulation import LossFunction, LossSum
from gpt.training.loop import LoopConfig, train
from gpt.training.recipes import FAST_RECIPE
from reasoning.distillation.loss import distillation_loss
from reasoning.distillation.models import ensure_student, student_config
from reasoning.distillation.traces import (
    TeacherTrace,
    keep_right,
    read_traces,
    sample_teacher_traces,
    write_traces,
)
from reasoning.start.loading import SHIPPED_NAME, load_reasoner
from reasoning.start.run import StartConfig
from reasoning.tasks.vocabulary import TOKENIZER

TRACES_FILE = "traces.json"
DISTILL_LOOP = dataclasses.replace(FAST_RECIPE.loop, steps=400)


@dataclass(frozen=True)
class DistillConfig(RunOptions):
    """Train a small student on a larger teacher's traces, or on its probabilities."""

    command: ClassVar[str] = "reasoning distill"

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = DISTILL_LOOP
    """Hyperparameters of the training loop."""
    batch_size: int = 64
    """Traces per step. More give steadier gradients, but slower steps."""
    name: str = "distill"
    teacher: str = SHIPPED_NAME
    """Model that generates the traces: `start` (the one of the package), a run folder or a file of
    `reasoning train`."""
    student: Annotated[str | None, arg(help_behavior_hint="(default: a small model of --runs)")] = (
        None
    )
    """Run folder of the model to train. By default, a small model is trained first, without a
    teacher, and kept inside --runs for the next call."""
    d_model: int = 48
    """Width of that small model. Wider ones learn more, but are slower. Unused with --student."""
    n_layers: int = 3
    """Transformer blocks of that small model. Unused with --student."""
    student_steps: int = 400
    """Training steps of that small model. More make a better start. Unused with --student."""
    traces: int = 8_000
    """Traces that the teacher generates, on as many training puzzles. More take longer."""
    traces_of: Annotated[str | None, arg(help_behavior_hint="(default: generate new ones)")] = None
    """Run folder of `reasoning distill` whose traces are used again, to compare other options on
    equal traces. --teacher is then the teacher of the probabilities only."""
    trace_temperature: float = 1.0
    """Sampling temperature of the traces. Lower makes more of them right, but all more alike."""
    filter: Literal["correct", "none"] = "correct"
    """Train on the traces with a right answer, or on all of them."""
    loss: Literal["sft", "kl"] = "sft"
    """Learn the words of the traces, or the teacher's probabilities of all words there."""
    kl_temperature: float = 1.0
    """Temperature of both softmaxes with --loss kl. Higher stresses unlikely words more."""
    beta: float = 0.0
    """Divergence with --loss kl: 0 is the forward KL, 1 the reverse KL, in between a mixture."""
    n_evaluated: int = 400
    """Held-out puzzles on which the student is compared before and after."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range.
        """
        super().__post_init__()
        for name in ("traces", "n_evaluated"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("trace_temperature", "kl_temperature"):
            if not 0 < getattr(self, name) < float("inf"):
                raise BadInput(f"{name} must be a positive number, got {getattr(self, name)}")
        if not 0 <= self.beta <= 1:
            raise BadInput(f"beta must lie in [0, 1], got {self.beta}")
        if self.loss == "sft" and (self.beta, self.kl_temperature) != (0.0, 1.0):
            raise BadInput("beta and kl_temperature have no effect with --loss sft; add --loss kl")
        if self.loop.patience:
            raise BadInput("patience has no effect here: this training has no validation")
        self.student_config()

    def student_config(self) -> StartConfig:
        """Return the options of the small model that is trained first."""
        return student_config(
            self.runs, self.d_model, self.n_layers, self.student_steps, self.device
        )


def create_distillation(folder: RunFolder, config: DistillConfig, device: torch.device) -> None:
    """Prepare student and traces of a new run, and write its files.

    Raises:
        BadInput: there is no teacher or student, or none of the traces can be used.
    """
    load_reasoner(config.teacher)  # refused here, before any work
    student = config.student or str(ensure_student(config.student_config()))
    model = load_reasoner(student)
    traces = teacher_traces(config, device)
    selected_traces(traces, config)  # refused here if none is right
    folder.clear()
    save_tokenizer(folder.tokenizer, TOKENIZER)
    write_traces(folder.path / TRACES_FILE, traces)
    settings = config.settings() | {"student": student}
    folder.write_config(model.config, traces_digest(traces), settings, config.command)


def teacher_traces(config: DistillConfig, device: torch.device) -> list[TeacherTrace]:
    """Return new traces of the teacher, or those of another run."""
    if config.traces_of is not None:
        return read_traces(Path(config.traces_of) / TRACES_FILE)
    report_message(f"sampling {config.traces:,} traces of the teacher")
    traces = sample_teacher_traces(
        load_reasoner(config.teacher, device),
        config.student_config().tasks(),
        config.traces,
        config.trace_temperature,
        config.loop.seed,
    )
    n_right = sum(trace.is_right for trace in traces)
    report_message(f"{n_right:,} of {len(traces):,} traces are right")
    return traces


def selected_traces(traces: list[TeacherTrace], config: DistillConfig) -> list[TeacherTrace]:
    """Return the traces that a run trains on."""
    return keep_right(traces) if config.filter == "correct" else traces


def traces_digest(traces: list[TeacherTrace]) -> str:
    """Return the SHA-256 of traces."""
    return hashlib.sha256(json.dumps(traces).encode()).hexdigest()


def train_student(run: TrainingRun, config: DistillConfig) -> None:
    """Train the student of a run on the traces, from its last checkpoint.

    Raises:
        BadInput: the traces are not those that the run was started with.
    """
    traces = read_traces(run.folder.path / TRACES_FILE)
    settings = run.folder.read_config(config.command)
    if traces_digest(traces) != settings["text_sha256"]:
        path = str(run.folder.path / TRACES_FILE)
        raise BadInput(f"{path!r} is not what the run was started with")
    torch.manual_seed(config.loop.seed)
    start = run.last_checkpoint()
    # sft_loss scores the words of a trace, the KL needs the probabilities of all words
    student = (Policy if config.loss == "sft" else GPT)(run.folder.model_config())
    if start is None:
        student.load_state_dict(load_model(Path(settings["command"]["student"]))[0].state_dict())
    student.to(run.device)
    examples = [trace.example() for trace in selected_traces(traces, config)]
    epochs = EpochSampler(len(examples), config.batch_size, config.loop.seed)
    size = config.micro_batch_size or config.batch_size
    batches = step_batches(examples, pad_examples, epochs, size, run.device)
    loss = sft_loss
    if config.loss == "kl":
        loss = teacher_loss(
            load_reasoner(config.teacher, run.device), config.kl_temperature, config.beta
        )
    records = train(student, batches, loss, config.loop, start=start, folder=run.folder.checkpoints)
    n_tokens = sum(int(rows.lengths.sum()) for rows in batches(0)) * n_processes()
    title = f"{student.n_parameters():,} parameters on {run.device.type}"
    run.follow(records, config.loop.steps, title, n_tokens)


def teacher_loss(teacher: GPT, temperature: float, beta: float) -> LossFunction:
    """Return the loss of a student's probabilities against those of a frozen teacher."""
    teacher.eval().requires_grad_(False)

    def loss(student: GPT, rows: Rows) -> LossSum:
        before, scored = rows.tokens[:, :-1], rows.mask[:, 1:]
        return distillation_loss(student(before), teacher(before), scored, temperature, beta)

    return loss
