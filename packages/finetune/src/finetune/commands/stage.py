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

from finetune.assistant.answering import EvaluationItem, question_items
from finetune.assistant.assistant import Assistant, add_adapters, default_rank, load_assistant
from finetune.assistant.base_model import BASE_NAME, base_config, ensure_base
from finetune.commands.export import ADAPTER_FOLDER, save_adapter
from finetune.datasets.tasks import Task, question_task, read_task, write_task
from finetune.evaluation.answers_report import N_EVALUATED, answers_report, print_answers
from finetune.lora.inject import count_trainable
from finetune.lora.peft_base import check_base
from finetune.lora.peft_files import CONFIG_FILE
from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.runs.checkpoints import checkpoint_files
from gpt.runs.endings import report_full_disk, report_lost_process
from gpt.runs.folder import RunFolder
from gpt.runs.processes import local_device, local_rows, process_group, rank, run_on_rank_zero_first
from gpt.runs.progress import report_message
from gpt.runs.resume import read_saved_config, refuse_changes, refuse_existing_run
from gpt.runs.training_run import PreparedLoop, run_loop
from gpt.text.tokenizers import save_tokenizer
from gpt.training.loop import LoopConfig

DEFAULT_LOOP = LoopConfig()
TASK_FILE = "task.json"
N_VALIDATION = 200
"""Held-out items in a validation."""


@dataclass(frozen=True)
class FinetuneConfig:
    """Options of every training command."""

    command: ClassVar[str]
    """The program and its verb."""

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = DEFAULT_LOOP
    """How to train."""
    model: str = BASE_NAME
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

    def defaults(self) -> "FinetuneConfig":
        """What holds where nothing is said: the settings of the run to resume."""
        if self.resume is None:
            return type(self)()
        return read_saved_config(type(self), self.resume, self.command)


@dataclass(frozen=True)
class Stage:
    """A training command: what is its own."""

    task: Callable[[Any, Assistant], Task[Any]]
    """What a config asks to be learned."""
    kind: Callable[..., Any]
    """What the items of the task are."""
    prepared: Callable[[Any, RunFolder, Assistant, Task[Any], torch.device], PreparedLoop]
    """The loop that has not begun."""
    report: Callable[[Any, RunFolder], int]
    """What is said at the end."""


def run_stage(stage: Stage, config: FinetuneConfig) -> int:
    """Start or resume the run, train, report. Returns the exit status."""
    status, first = train_stage(stage, config)
    if not first or status:
        return status
    folder = run_folder(config)
    return stage.report(saved_settings(config, folder), folder)


def train_stage(stage: Stage, config: FinetuneConfig) -> tuple[int, bool]:
    """Start or resume the run and train.

    Returns the exit status, and whether this is the first process.
    """
    device = local_device(pick_device(config.device))
    folder = run_folder(config)
    with report_lost_process(folder, config.command), process_group(device):
        run_on_rank_zero_first(partial(prepare, stage, config, folder))
        status = run_loop(folder, partial(begin, stage, config, folder, device), config.command)
        first = rank() == 0
    if first and not status:
        with report_full_disk(folder, config.command):
            save_adapter(folder.path)
    return status, first


def run_folder(config: FinetuneConfig) -> RunFolder:
    """Where the run lies."""
    return RunFolder(config.resume or config.runs / config.name)


def prepare(stage: Stage, config: FinetuneConfig, folder: RunFolder) -> None:
    """Make the run's folder, or see whether it can be gone on with.

    All of it is computed before anything is written, so what cannot be used leaves no trace.
    """
    local_rows(range(config.batch_size))  # one for each process, or nothing is written
    if config.resume is not None:
        return refuse_changes(
            read_saved_config(type(config), config.resume, config.command), config
        )
    refuse_existing_run(folder, config.overwrite)
    assistant = load_initial_assistant(config)
    if config.context > assistant.model.config.context:
        raise BadInput(
            f"context {config.context} is more than the model's {assistant.model.config.context}"
        )
    task = stage.task(config, assistant)
    rank = default_rank(assistant.model) if config.rank is None else config.rank
    if config.quantised and not rank:
        raise BadInput("four bits cannot be trained; put adapters beside them: --rank 16")
    found = {"model": initial_model_name(config), "format": assistant.format_name, "rank": rank}
    command = asdict(config) | found | {"runs": str(config.runs), "resume": None}
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.config.unlink(missing_ok=True)
    adapter = folder.path / ADAPTER_FOLDER / CONFIG_FILE
    for old in [folder.log, adapter, *checkpoint_files(folder.checkpoints)]:
        old.unlink(missing_ok=True)
    save_tokenizer(folder.tokenizer, assistant.tokenizer)
    write_task(folder.path / TASK_FILE, task)
    folder.write_config(assistant.model.config, task.digest(), command, config.command)


def load_initial_assistant(config: FinetuneConfig) -> Assistant:
    """What the run begins with; the base is trained now if need be."""
    if config.model == BASE_NAME:
        ensure_base(base_config(config.runs, device=config.device))
    # `samples` is an option of some stages only
    check_base(config.base, initial_model_name(config), vars(config).get("samples"))
    return load_assistant(initial_model_name(config), config.format, config.base)


def initial_model_name(config: FinetuneConfig) -> str:
    """The name of what the run begins with; the base has a folder."""
    return str(config.runs / BASE_NAME) if config.model == BASE_NAME else config.model


def saved_settings(config: FinetuneConfig, folder: RunFolder) -> Any:
    """The settings as the run's folder has them, with where to run and how to report as now."""
    saved = read_saved_config(type(config), folder.path, config.command)
    now = {"loop": config.loop, "json": config.json, "device": config.device}
    return type(config)(**vars(saved) | now)


def begin(
    stage: Stage, config: FinetuneConfig, folder: RunFolder, device: torch.device
) -> PreparedLoop:
    """The loop of the run: what it begins with is loaded, and adapters are put in."""
    saved = saved_settings(config, folder)
    assistant = load_assistant(saved.model, saved.format, saved.base)
    torch.manual_seed(saved.loop.seed)
    model = add_adapters(assistant.model, vars(saved)).to(device)
    task = read_task(folder.path / TASK_FILE, stage.kind)
    if task.digest() != folder.read_config()["text_sha256"]:
        raise BadInput(f"{str(folder.path / TASK_FILE)!r} is not what the run was begun with")
    return stage.prepared(saved, folder, assistant._replace(model=model), task, device)


def describe_trained_weights(model: nn.Module) -> str:
    """How many weights there are and how many are trained."""
    trained, total, _ = count_trainable(model)
    return f"{trained:,} of {total:,} weights are trained ({trained / total:.1%})"


def report_answers(
    config: FinetuneConfig, folder: RunFolder, held_out: Sequence[EvaluationItem]
) -> int:
    """The answers before and after, on held-out questions."""
    if config.data == "python":
        held_out = question_items(question_task().held_out)
    models = {"before": config.model, "after": str(folder.path)}
    found = answers_report(models, held_out[:N_EVALUATED], baseline="before", base=config.base)
    if config.json:
        print(json_format.dumps(found))
    else:
        print_answers(found)
    run = shlex.quote(str(folder.path))
    report_message(f"the run is in {run}; talk to it with: finetune chat --model {run}")
    return 0
