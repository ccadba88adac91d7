"""`finetune export`: write a run so that transformers opens it, and peft its adapter.

A run that has trained adapters keeps them in peft's layout, in its folder `adapter`, from its end.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from finetune.assistant.assistant import (
    Assistant,
    load_before_training,
    load_run,
    load_scorer,
    load_unmerged_run,
    read_run_settings,
)
from finetune.conversations.format_template import build_chat_template
from finetune.conversations.template import TemplateFormat
from finetune.lora.nf4 import dequantise_model, quantise_model
from finetune.lora.peft_files import CONFIG_FILE, write_adapter
from gpt.commands.export import refuse_nonempty_folder, write_pretrained
from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message

ADAPTER_FOLDER = "adapter"


@dataclass(frozen=True)
class ExportConfig:
    """Write what a run has learned into a folder that `from_pretrained` of transformers reads."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    to: tyro.conf.Positional[Path]
    """The folder to write."""
    adapter: bool = False
    """Keep the adapter apart: the model that the run began with, and the adapter below it."""
    overwrite: bool = False
    """Replace what an earlier export left there."""


def run(config: ExportConfig) -> int:
    """Load, write, say how to open it."""
    refuse_nonempty_folder(config.to, config.overwrite)
    command = require_run_settings(config.run)
    opened = f"AutoModelForCausalLM.from_pretrained({str(config.to)!r})"
    if config.adapter:
        adapter = config.to / ADAPTER_FOLDER
        model, start = load_adapter_model(config.run, command), load_before_training(command)
        if command.get("quantised"):  # the base that the adapter has learned beside
            quantise_model(start.model)
            dequantise_model(start.model)
        write_assistant(config.to, start)
        write_adapter(adapter, model, str(config.to))
        opened = f"PeftModel.from_pretrained({opened}, {str(adapter)!r})"
    else:
        whole = load_run(config.run, command)
        (config.to / ADAPTER_FOLDER / CONFIG_FILE).unlink(missing_ok=True)  # of an earlier export
        write_assistant(config.to, whole)
    report_message(f"open it with: {opened}")
    return 0


def write_assistant(folder: Path, assistant: Assistant) -> None:
    """Write a model that conversations are written for as in its training, and where it stops."""
    model, tokenizer, format, _ = assistant
    template = (
        None if isinstance(format, TemplateFormat) else build_chat_template(format, tokenizer)
    )
    write_pretrained(folder, model, tokenizer, template, assistant.stop)


def require_run_settings(run: Path) -> dict[str, Any]:
    """The settings of the run.

    Raises:
        BadInput: there is no run of finetune.
    """
    command = read_run_settings(run)
    if command is None:
        kind = RunFolder(run).read_config()["kind"]
        quoted = shlex.quote(str(run))
        raise BadInput(f"{str(run)!r} was made by {kind}; write it with: gpt export --run {quoted}")
    return command


def load_adapter_model(run: Path, command: dict[str, Any]) -> GPT:
    """What a run has learned, beside the weights that it began with; of PPO the policy.

    Raises:
        BadInput: it has trained all weights.
    """
    if not command["rank"]:
        raise BadInput(f"{str(run)!r} has trained all weights of its model and has no adapter")
    is_reward = command["kind"] == "finetune reward"
    return load_scorer(run)[0] if is_reward else load_unmerged_run(run, command).model


def save_adapter(run: Path) -> None:
    """Write the adapter of a finished run into its own folder, where it has one."""
    command = require_run_settings(run)
    if not command["rank"]:
        return
    model = load_adapter_model(run, command)
    try:
        write_adapter(run / ADAPTER_FOLDER, model)
    except BadInput as error:
        report_message(f"the run gets no folder {ADAPTER_FOLDER!r}: {error}")
