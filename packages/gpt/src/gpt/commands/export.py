"""`gpt export`: write a model in the layout of transformers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from gpt.pretrained.export import refuse_nonempty_folder, write_pretrained
from gpt.pretrained.generation import sampling_defaults
from gpt.pretrained.loading import find_model_folder, load_pretrained
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message


@dataclass(frozen=True)
class ExportConfig:
    """Write model and tokenizer into a folder that transformers opens with `from_pretrained`."""

    run: Path = Path("runs/gpt")
    """Folder of the run whose model is exported."""
    model: Annotated[str | None, arg(help_behavior_hint="(default: the model of --run)")] = None
    """Published model to export instead: smollm2, a folder in transformers' format, or a hub id."""
    output: Path = Path("exported")
    """Folder to write to."""
    overwrite: bool = False
    """Write into --output even if it is not empty, replacing an earlier export."""


def run(config: ExportConfig) -> int:
    """Load the model, write it, and report how to open it."""
    refuse_nonempty_folder(config.output, config.overwrite)
    if config.model is None:
        RunFolder(config.run).read_config()  # a missing run is not looked up on the hub
    model, tokenizer = load_pretrained(config.model or str(config.run.resolve()))
    sampling = sampling_defaults(find_model_folder(config.model)) if config.model else None
    write_pretrained(config.output, model, tokenizer, sampling=sampling)
    report_message(f"open it with: AutoModelForCausalLM.from_pretrained({str(config.output)!r})")
    return 0
