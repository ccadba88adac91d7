"""Run folders of fine-tuning: what a run starts from, trains on and leaves behind.

config.json  tokenizer.json  task.json  log.jsonl  checkpoints/  adapter/
"""

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from finetune.assistant.answering import EvaluationItem
from finetune.assistant.assistant import (
    LORA_THRESHOLD,
    Assistant,
    add_adapters,
    load_assistant,
    load_before_training,
    load_scorer,
    load_unmerged_run,
    read_run_settings,
)
from finetune.assistant.base_model import BASE_NAME, base_config, ensure_base
from finetune.datasets.selection import Selection, UnusableRow
from finetune.datasets.tasks import Task, read_task, write_task
from finetune.evaluation.answers_report import N_EVALUATED, answers_report, print_answers
from finetune.lora.inject import count_trainable
from finetune.lora.peft_base import check_base
from finetune.lora.peft_files import CONFIG_FILE, write_adapter
from finetune.options import FinetuneOptions
from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from gpt.text.tokenizers import save_tokenizer

_Item = TypeVar("_Item")
ADAPTER_FOLDER, TASK_FILE = "adapter", "task.json"
N_VALIDATION = 200
"""Held-out items per validation."""


def load_initial_assistant(config: FinetuneOptions, *adapters: str | None) -> Assistant:
    """Load the model that a run starts from; the base is trained now if there is none.

    Args:
        config: the options of the run.
        adapters: other models of the command that --base may belong to.
    """
    if config.model == BASE_NAME:
        ensure_base(base_config(config.runs, device=config.device))
    name = initial_model_name(config)
    check_base(config.base, name, *adapters)
    return load_assistant(name, config.format, config.base)


def initial_model_name(config: FinetuneOptions) -> str:
    """Name of the model that a run starts from; the base has a run folder."""
    return str(config.runs / BASE_NAME) if config.model == BASE_NAME else config.model


@contextmanager
def reported_selection(selection: Selection[Any]) -> Iterator[None]:
    """Report the rows left out while loading; the error about an unusable row names the option."""
    try:
        yield
    except UnusableRow as error:
        raise BadInput(f"{error}; --skip-unusable leaves such rows out") from error
    for line in selection.report():
        report_message(line)


def create_run(
    folder: RunFolder, config: FinetuneOptions, assistant: Assistant, task: Task[Any]
) -> None:
    """Write tokenizer, task and config of a new run.

    Everything is checked before anything is written, so unusable options leave no trace.

    Raises:
        BadInput: the context is longer than the model's, or 4-bit weights would be trained.
    """
    longest = assistant.model.config.context
    if (context := vars(config).get("context", 0)) > longest:
        raise BadInput(f"context {context} is more than the model's {longest}")
    rank = config.rank
    if rank is None:  # all weights of a small model are trained
        n_weights = sum(each.numel() for each in assistant.model.parameters())
        rank = 16 if n_weights > LORA_THRESHOLD else 0
    if config.quantised and not rank:
        raise BadInput("4-bit weights cannot be trained directly; add adapters with --rank 16")
    resolved = {"model": initial_model_name(config), "format": assistant.format_name, "rank": rank}
    folder.clear()
    (folder.path / ADAPTER_FOLDER / CONFIG_FILE).unlink(missing_ok=True)
    save_tokenizer(folder.tokenizer, assistant.tokenizer)
    write_task(folder.path / TASK_FILE, task)
    settings = config.settings() | resolved
    folder.write_config(assistant.model.config, task.digest(), settings, config.command)


def load_to_train(run: TrainingRun, kind: Callable[..., _Item]) -> tuple[Assistant, Task[_Item]]:
    """Load what a run starts from, with new adapters, and the items that it trains on.

    Raises:
        BadInput: the items are not those that the run was started with.
    """
    settings = require_run_settings(run.folder.path)
    assistant = load_before_training(settings)
    torch.manual_seed(run.options.loop.seed)
    model = add_adapters(assistant.model, settings).to(run.device)
    task = read_task(run.folder.path / TASK_FILE, kind)
    if task.digest() != run.folder.read_config()["text_sha256"]:
        path = str(run.folder.path / TASK_FILE)
        raise BadInput(f"{path!r} is not what the run was started with")
    return assistant._replace(model=model), task


def describe_trained_weights(model: nn.Module) -> str:
    """Numbers of trained weights and of all weights, for the progress bar."""
    trained, total, _ = count_trainable(model)
    return f"{trained:,} of {total:,} weights are trained ({trained / total:.1%})"


def require_run_settings(run: Path) -> dict[str, Any]:
    """Return the settings of a run.

    Raises:
        BadInput: there is no run of finetune in the folder.
    """
    settings = read_run_settings(run)
    if settings is None:
        kind = RunFolder(run).read_config("finetune sft")["kind"]
        quoted = shlex.quote(str(run))
        raise BadInput(
            f"{str(run)!r} was made by {kind}; export it with: gpt export --run {quoted}"
        )
    return settings


def require_reward_settings(run: Path) -> dict[str, Any]:
    """Return the settings of the run of a reward model.

    Raises:
        BadInput: there is no reward model in the folder.
    """
    settings = read_run_settings(run)
    if settings is None or settings["kind"] != "finetune reward":
        raise BadInput(f"there is no reward model in {str(run)!r}; train one with: finetune reward")
    return settings


def load_adapter_model(run: Path, settings: dict[str, Any]) -> GPT:
    """Load the model of a run with separate adapters; of PPO the policy.

    Raises:
        BadInput: the run has trained all weights.
    """
    if not settings["rank"]:
        raise BadInput(f"{str(run)!r} has trained all weights of its model and has no adapter")
    is_reward = settings["kind"] == "finetune reward"
    return load_scorer(run)[0] if is_reward else load_unmerged_run(run, settings).model


def save_adapter(run: Path) -> None:
    """Write the adapter of a finished run in peft's layout into its folder, if it has one."""
    settings = require_run_settings(run)
    if settings["rank"]:
        try:
            write_adapter(run / ADAPTER_FOLDER, load_adapter_model(run, settings))
        except BadInput as error:
            report_message(f"the run gets no folder {ADAPTER_FOLDER!r}: {error}")


def report_answers(
    config: FinetuneOptions, folder: RunFolder, items: Sequence[EvaluationItem]
) -> None:
    """Print the answers to held-out questions before and after the training."""
    models = {"before": initial_model_name(config), "after": str(folder.path)}
    report = answers_report(models, items[:N_EVALUATED], baseline="before", base=config.base)
    if config.json:
        print(json.dumps(report))
    else:
        print_answers(report)
    path = shlex.quote(str(folder.path))
    report_message(f"the run is in {path}; talk to it with: finetune chat --model {path}")
