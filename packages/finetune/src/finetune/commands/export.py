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
    beginning,
    from_run,
    load_scorer,
    own_command,
    unmerged,
)
from finetune.conversations.format_template import chat_template_of
from finetune.conversations.template import TemplateFormat
from finetune.lora.nf4 import dequantise, quantise
from finetune.lora.peft_files import CONFIG, write_adapter
from gpt.commands.export import refuse_full, write_pretrained
from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.runs.folder import RunFolder
from gpt.runs.progress import say

ADAPTER = "adapter"


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
    refuse_full(config.to, config.overwrite)
    command = command_of(config.run)
    opened = f"AutoModelForCausalLM.from_pretrained({str(config.to)!r})"
    if config.adapter:
        adapter = config.to / ADAPTER
        model, start = with_adapters(config.run, command), beginning(command)
        if command.get("quantised"):  # the base that the adapter has learned beside
            quantise(start.model)
            dequantise(start.model)
        write_assistant(config.to, start)
        write_adapter(adapter, model, str(config.to))
        opened = f"PeftModel.from_pretrained({opened}, {str(adapter)!r})"
    else:
        whole = from_run(config.run, command)
        (config.to / ADAPTER / CONFIG).unlink(missing_ok=True)  # of an earlier export
        write_assistant(config.to, whole)
    say(f"open it with: {opened}")
    return 0


def write_assistant(folder: Path, assistant: Assistant) -> None:
    """Write a model that conversations are written for as in its training, and where it stops."""
    model, tokenizer, format, _ = assistant
    template = None if isinstance(format, TemplateFormat) else chat_template_of(format, tokenizer)
    write_pretrained(folder, model, tokenizer, template, assistant.stop)


def command_of(run: Path) -> dict[str, Any]:
    """The settings of the run.

    Raises:
        BadInput: there is no run of finetune.
    """
    command = own_command(run)
    if command is None:
        kind = RunFolder(run).read_config()["kind"]
        quoted = shlex.quote(str(run))
        raise BadInput(f"{str(run)!r} was made by {kind}; write it with: gpt export --run {quoted}")
    return command


def with_adapters(run: Path, command: dict[str, Any]) -> GPT:
    """What a run has learned, beside the weights that it began with; of PPO the policy.

    Raises:
        BadInput: it has trained all weights.
    """
    if not command["rank"]:
        raise BadInput(f"{str(run)!r} has trained all weights of its model and has no adapter")
    is_reward = command["kind"] == "finetune reward"
    return load_scorer(run)[0] if is_reward else unmerged(run, command).model


def keep_adapter(run: Path) -> None:
    """Write the adapter of a finished run into its own folder, where it has one."""
    command = command_of(run)
    if not command["rank"]:
        return
    model = with_adapters(run, command)
    try:
        write_adapter(run / ADAPTER, model)
    except BadInput as error:
        say(f"the run gets no folder {ADAPTER!r}: {error}")
