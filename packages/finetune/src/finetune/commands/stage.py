"""What the training commands share: their options, their folder, their start and their end."""

import json as json_format
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
import tyro
from torch import nn

from finetune.assistant.answering import Asked, asked_questions
from finetune.assistant.assistant import Assistant, adapted, default_rank, load_assistant
from finetune.assistant.base_model import NAME, base_config, base_run
from finetune.commands.export import ADAPTER, keep_adapter
from finetune.datasets.tasks import Task, questions, read_task, write_task
from finetune.evaluation.answers_report import N_ASKED, answers_report, print_answers
from finetune.lora.inject import coverage
from finetune.lora.peft_base import check_base
from finetune.lora.peft_files import CONFIG
from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.runs.checkpoints import checkpoint_files
from gpt.runs.endings import full_disks_reported, lost_process_reported
from gpt.runs.folder import RunFolder
from gpt.runs.processes import first_then_all, joined, my_rows, own_device, rank
from gpt.runs.progress import say
from gpt.runs.resume import refuse_changes, refuse_taken, saved_config
from gpt.runs.training_run import Prepared, run_loop
from gpt.text.tokenizers import save_tokenizer
from gpt.training.loop import LoopConfig

PLAIN_LOOP = LoopConfig()
TASK = "task.json"
JUDGED = 200
"""Held-out items in a validation."""


@dataclass(frozen=True)
class StageConfig:
    """Options of every training command."""

    command: ClassVar[str]
    """The program and its verb."""

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = PLAIN_LOOP
    """How to train."""
    model: str = NAME
    """What to begin with: base (a small model, trained first if need be), a run folder, smollm2, a
    folder in the layout of transformers, or a hub id."""
    base: str | None = None
    """The model below an adapter, if it is not where the adapter says."""
    data: str = "python"
    """`python` (questions about its library), a file, or hub:OWNER/NAME."""
    ignore_columns: str = ""
    """Columns of `data`, or keys of its turns, to ignore, separated by commas. Default: a column
    whose meaning would be lost ends the command."""
    skip_unusable: bool = False
    """Leave out rows of `data` that cannot be used, such as those with an empty answer, and show
    the first three. Default: the first such row ends the command."""
    format: str = "auto"
    """How conversations are written: the model's own template, alpaca, chatml, llama-2 or plain."""
    rank: int | None = None
    """Rank of LoRA; 0 trains all weights. Default: 0 for a small model, 16 for a large one."""
    alpha: float = 32.0
    """LoRA's change is scaled by alpha / rank."""
    quantised: bool = False
    """Keep the matrices beside the adapters in four bits (nf4), as QLoRA does."""
    context: int = 128
    """Longest row, in tokens; a longer conversation loses its end, a longer pair is left out."""
    batch_size: int = 16
    """Rows, or pairs, in a step."""
    micro_batch: int | None = None
    """Rows at a time in a process, to save memory; the gradient is the same. Default: all."""
    name: str = "finetune"
    """The run's folder below `runs`."""
    runs: Path = Path("runs")
    """Where run folders lie."""
    resume: Path | None = None
    """Go on with the run in this folder, with its own settings."""
    overwrite: bool = False
    """Replace a run of the same name."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    json: bool = False
    """Print one JSON document instead of a report."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no run."""
        for name in ("batch_size", "micro_batch", "context"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1, got {value}")
        if self.rank is not None and self.rank < 0:
            raise BadInput(f"rank must be at least 0, got {self.rank}")
        if not 0 < self.alpha < float("inf"):
            raise BadInput(f"alpha must be a positive number, got {self.alpha}")
        if self.data == "python" and (self.ignore_columns or self.skip_unusable):
            raise BadInput(
                "--ignore-columns and --skip-unusable are for the rows of a file; name it with "
                "--data FILE"
            )

    def defaults(self) -> "StageConfig":
        """What holds where nothing is said: the settings of the run to resume."""
        if self.resume is None:
            return type(self)()
        return saved_config(type(self), self.resume, self.command)


@dataclass(frozen=True)
class Stage:
    """A training command: what is its own."""

    task: Callable[[Any, Assistant], Task[Any]]
    """What a config asks to be learned."""
    kind: Callable[..., Any]
    """What the items of the task are."""
    prepared: Callable[[Any, RunFolder, Assistant, Task[Any], torch.device], Prepared]
    """The loop that has not begun."""
    report: Callable[[Any, RunFolder], int]
    """What is said at the end."""


def run_stage(stage: Stage, config: StageConfig) -> int:
    """Start or resume the run, train, report. Returns the exit status."""
    status, first = train_stage(stage, config)
    if not first or status:
        return status
    folder = run_folder(config)
    return stage.report(settled(config, folder), folder)


def train_stage(stage: Stage, config: StageConfig) -> tuple[int, bool]:
    """Start or resume the run and train.

    Returns the exit status, and whether this is the first process.
    """
    device = own_device(pick_device(config.device))
    folder = run_folder(config)
    with lost_process_reported(folder, config.command), joined(device):
        first_then_all(partial(prepare, stage, config, folder))
        status = run_loop(folder, partial(begin, stage, config, folder, device), config.command)
        first = rank() == 0
    if first and not status:
        with full_disks_reported(folder, config.command):
            keep_adapter(folder.path)
    return status, first


def run_folder(config: StageConfig) -> RunFolder:
    """Where the run lies."""
    return RunFolder(config.resume or config.runs / config.name)


def prepare(stage: Stage, config: StageConfig, folder: RunFolder) -> None:
    """Make the run's folder, or see whether it can be gone on with.

    All of it is computed before anything is written, so what cannot be used leaves no trace.
    """
    my_rows(range(config.batch_size))  # one for each process, or nothing is written
    if config.resume is not None:
        return refuse_changes(saved_config(type(config), config.resume, config.command), config)
    refuse_taken(folder, config.overwrite)
    assistant = beginning_of(config)
    if config.context > assistant.model.config.context:
        raise BadInput(
            f"context {config.context} is more than the model's {assistant.model.config.context}"
        )
    task = stage.task(config, assistant)
    rank = default_rank(assistant.model) if config.rank is None else config.rank
    if config.quantised and not rank:
        raise BadInput("four bits cannot be trained; put adapters beside them: --rank 16")
    found = {"model": start_of(config), "format": assistant.format_name, "rank": rank}
    command = asdict(config) | found | {"runs": str(config.runs), "resume": None}
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.config.unlink(missing_ok=True)
    adapter = folder.path / ADAPTER / CONFIG
    for old in [folder.log, adapter, *checkpoint_files(folder.checkpoints)]:
        old.unlink(missing_ok=True)
    save_tokenizer(folder.tokenizer, assistant.tokenizer)
    write_task(folder.path / TASK, task)
    folder.write_config(assistant.model.config, task.digest(), command, config.command)


def beginning_of(config: StageConfig) -> Assistant:
    """What the run begins with; the base is trained now if need be."""
    if config.model == NAME:
        base_run(base_config(config.runs, device=config.device))
    # `samples` is an option of some stages only
    check_base(config.base, start_of(config), vars(config).get("samples"))
    return load_assistant(start_of(config), config.format, config.base)


def start_of(config: StageConfig) -> str:
    """The name of what the run begins with; the base has a folder."""
    return str(config.runs / NAME) if config.model == NAME else config.model


def settled(config: StageConfig, folder: RunFolder) -> Any:
    """The settings as the run's folder has them, with where to run and how to report as now."""
    saved = saved_config(type(config), folder.path, config.command)
    now = {"loop": config.loop, "json": config.json, "device": config.device}
    return type(config)(**vars(saved) | now)


def begin(stage: Stage, config: StageConfig, folder: RunFolder, device: torch.device) -> Prepared:
    """The loop of the run: what it begins with is loaded, and adapters are put in."""
    saved = settled(config, folder)
    assistant = load_assistant(saved.model, saved.format, saved.base)
    torch.manual_seed(saved.loop.seed)
    model = adapted(assistant.model, vars(saved)).to(device)
    task = read_task(folder.path / TASK, stage.kind)
    if task.digest() != folder.read_config()["text_sha256"]:
        raise BadInput(f"{str(folder.path / TASK)!r} is not what the run was begun with")
    return stage.prepared(saved, folder, assistant._replace(model=model), task, device)


def shown_weights(model: nn.Module) -> str:
    """How many weights there are and how many are trained."""
    trained, total, _ = coverage(model)
    return f"{trained:,} of {total:,} weights are trained ({trained / total:.1%})"


def report_answers(config: StageConfig, folder: RunFolder, held_out: Sequence[Asked]) -> int:
    """The answers before and after, on held-out questions."""
    if config.data == "python":
        held_out = asked_questions(questions().held_out)
    models = {"before": config.model, "after": str(folder.path)}
    found = answers_report(models, held_out[:N_ASKED], rival="before", base=config.base)
    if config.json:
        print(json_format.dumps(found))
    else:
        print_answers(found)
    run = shlex.quote(str(folder.path))
    say(f"the run is in {run}; talk to it with: finetune chat --model {run}")
    return 0
