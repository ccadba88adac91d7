"""Models of this package by name: ours, a start model, or the run of a method that trained one."""

from pathlib import Path

import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.runs.folder import RunFolder, load_model
from reasoning.start.shipped import load_start_model
from reasoning.tasks.vocabulary import TOKENIZER

SHIPPED_NAME = "start"
"""Name of the model that comes with the package."""


def load_reasoner(name: str = SHIPPED_NAME, device: torch.device | None = None) -> GPT:
    """Load a model: `start`, a file that `reasoning train` wrote, or the folder of a run.

    Raises:
        BadInput: there is no such model, or it has another vocabulary.
    """
    path = Path(name)
    if name == SHIPPED_NAME:
        return load_start_model(device=device).model
    if path.is_file() or path.suffix == ".safetensors":
        return load_start_model(path, device).model
    if not path.exists():
        raise BadInput(
            f"there is no model {name!r}; give `{SHIPPED_NAME}`, a file of reasoning train, or the "
            "folder of a run"
        )
    RunFolder(path).read_config("reasoning train")  # says how to start a run, if there is none
    model, tokenizer, _ = load_model(path, device)
    if tokenizer.to_json() != TOKENIZER.to_json():
        raise BadInput(f"the model in {name!r} has another vocabulary than this package")
    return model
