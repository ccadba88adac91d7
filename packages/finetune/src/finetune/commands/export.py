"""`finetune export`: write a run so that transformers opens it, and peft its adapter.

A finished run with adapters also has them in peft's layout, in its folder `adapter`.
"""

from dataclasses import dataclass
from pathlib import Path

from finetune.assistant.assistant import Assistant, load_before_training, load_run
from finetune.conversations.format_template import build_chat_template
from finetune.conversations.template import TemplateFormat
from finetune.lora.nf4 import dequantise_model, quantise_model
from finetune.lora.peft_files import CONFIG_FILE, write_adapter
from finetune.runs import ADAPTER_FOLDER, load_adapter_model, require_run_settings
from gpt.pretrained.export import refuse_nonempty_folder, write_pretrained
from gpt.runs.progress import report_message


@dataclass(frozen=True)
class ExportConfig:
    """Write a run's model into a folder that `from_pretrained` of transformers can open."""

    run: Path = Path("runs/sft")
    """Folder of the run whose model to export."""
    output: Path = Path("exported")
    """Folder to write to."""
    adapter: bool = False
    """Write the base model and, in a folder inside --output, the adapter, instead of merging them.
    """
    overwrite: bool = False
    """Write into --output even if it is not empty, replacing an earlier export."""


def run(config: ExportConfig) -> int:
    """Load the model, write it, say how to open it."""
    refuse_nonempty_folder(config.output, config.overwrite)
    settings = require_run_settings(config.run)
    opened = f"AutoModelForCausalLM.from_pretrained({str(config.output)!r})"
    if config.adapter:
        adapter = config.output / ADAPTER_FOLDER
        model, start = load_adapter_model(config.run, settings), load_before_training(settings)
        if settings.get("quantised"):  # the adapter was trained with the rounded weights
            quantise_model(start.model)
            dequantise_model(start.model)
        write_assistant(config.output, start)
        write_adapter(adapter, model, str(config.output))
        opened = f"PeftModel.from_pretrained({opened}, {str(adapter)!r})"
    else:
        merged = load_run(config.run, settings)
        (config.output / ADAPTER_FOLDER / CONFIG_FILE).unlink(
            missing_ok=True
        )  # an earlier export's
        write_assistant(config.output, merged)
    report_message(f"open it with: {opened}")
    return 0


def write_assistant(folder: Path, assistant: Assistant) -> None:
    """Write a model with its tokenizer, the chat template of its training, and its stop token."""
    model, tokenizer, format, _ = assistant
    template = (
        None if isinstance(format, TemplateFormat) else build_chat_template(format, tokenizer)
    )
    write_pretrained(folder, model, tokenizer, template, assistant.stop)
