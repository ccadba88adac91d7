"""The start model that comes with the package: one file with its weights, recipe and report.

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
from reasoning.start.data import Tasks
from reasoning.start.gate import StartReport

START_FILE = "start.safetensors"
SHIPPED = Path(__file__).with_name(START_FILE)
"""The model of the package; `start.jsonl` beside it is the log of its training."""
RECIPE = (
    *("loop", "batch_size", "micro_batch_size", "d_model", "n_layers"),
    *("chain_operand", "chain_operations", "max_attempts"),
)
"""Options of `reasoning train` that decide the weights."""


class StartModel(NamedTuple):
    """A start model, and how it came about."""

    model: GPT
    recipe: dict[str, Any]
    """Options of `reasoning train` that decide the weights; those of the loop are in `loop`."""
    report: StartReport
    """How often samples were right when it was written."""

    def tasks(self) -> Tasks:
        """Return the tasks that it was trained on, and the problems that were held out."""
        return Tasks.load(self.recipe["chain_operand"], self.recipe["chain_operations"])


def save_start_model(path: Path, model: GPT, folder: RunFolder, report: StartReport) -> None:
    """Write the model of a run with its recipe and its report."""
    config = folder.read_config()
    recipe = {name: config["command"][name] for name in RECIPE}
    about = {"model": config["model"], "recipe": recipe, "gate": report.as_json()}
    weights = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    write_atomically(path, safetensors.torch.save(weights, metadata={"start": json.dumps(about)}))


def load_start_model(path: Path = SHIPPED, device: torch.device | None = None) -> StartModel:
    """Read a file that `reasoning train` wrote; by default, the model of the package.

    Raises:
        BadInput: there is no such file, or it is damaged or holds something else.
    """
    if not path.is_file():
        raise BadInput(f"there is no start model {str(path)!r}; write one with: reasoning train")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["start"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model = GPT(GPTConfig(**about["model"]))
        model.load_state_dict(weights)
        recipe, report = about["recipe"], StartReport.from_json(about["gate"])
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BadInput(f"{str(path)!r} is damaged or is not a start model") from error
    return StartModel(model.to(device).eval(), recipe, report)
