"""The start model that comes with the package: one file with its weights, recipe and gate.

`reasoning train` writes such a file when the gate holds, and never before.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch

from gpt.errors import BadInput
from gpt.files import write_atomically
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.runs.folder import RunFolder
from reasoning.start.gate import StartReport

SHIPPED = Path(__file__).with_name("start.safetensors")
"""The model of the package; `start.jsonl` beside it is the log of its training."""
RECIPE = ("loop", "batch_size", "micro_batch_size", "d_model", "n_layers")
RECIPE += ("chain_operand", "chain_operations")


class StartModel(NamedTuple):
    """A start model, and how it came about."""

    model: GPT
    recipe: dict[str, Any]
    """Options of `reasoning train` that decide the weights; those of the loop are in `loop`."""
    gate: dict[str, dict[str, float]]
    """How often samples were right when it was written, by task."""


def save_start_model(path: Path, model: GPT, folder: RunFolder, report: StartReport) -> None:
    """Write the model of a run with its recipe and its report."""
    config = folder.read_config()
    recipe = {name: value for name, value in config["command"].items() if name in RECIPE}
    about = {"model": config["model"], "recipe": recipe, "gate": report.as_json()}
    weights = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    entry = {"start": json.dumps(about)}
    write_atomically(path, safetensors.torch.save(weights, metadata=entry))


def load_start_model(path: Path = SHIPPED, device: torch.device | None = None) -> StartModel:
    """Read a file that `reasoning train` wrote; by default, the model of the package.

    Raises:
        BadInput: the file is missing, damaged, or holds something else.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["start"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model = GPT(GPTConfig(**about["model"]))
        model.load_state_dict(weights)
        loaded = StartModel(model.to(device).eval(), about["recipe"], about["gate"])
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError):
        raise BadInput(f"{str(path)!r} is missing or is not a start model") from None
    return loaded
