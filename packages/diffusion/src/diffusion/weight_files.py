"""Weight files: the weights of a model and a description of it, in one safetensors file.

The metadata of the file is a JSON object with the kind of model and the description. Files of this
format cannot run code when they are read, unlike pickles.
"""

import json
from pathlib import Path
from typing import NamedTuple

import safetensors
import safetensors.torch
from torch import Tensor

from gpt.errors import BadInput
from gpt.files import JsonObject, write_atomically

COMMANDS = {
    "vae": "diffusion train --stage vae",
    "clip": "diffusion train --stage clip",
}
"""Command that trains each kind of model that other runs build on."""


class WeightFile(NamedTuple):
    """Content of a weight file."""

    about: JsonObject
    """Description of the model: its config, and how it was trained."""
    weights: dict[str, Tensor]


def write_weights(path: Path, kind: str, about: JsonObject, weights: dict[str, Tensor]) -> None:
    """Write the weights of a model, its kind (such as "vae" or "clip") and a description."""
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    # one entry, because the order of several is not fixed and equal models should make equal files
    metadata = {"model": json.dumps({"kind": kind, "about": about})}
    write_atomically(path, safetensors.torch.save(tensors, metadata=metadata))


def read_weights(path: Path, kind: str) -> WeightFile:
    """Read a file of `write_weights`.

    Raises:
        BadInput: there is no such file, or it is damaged or contains another kind of model.
    """
    if not path.is_file():
        hint = f"; train one with: {COMMANDS[kind]}" if kind in COMMANDS else ""
        raise BadInput(f"there is no weight file {str(path)!r}{hint}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            entry = json.loads((file.metadata() or {})["model"])
            found, about = entry["kind"], entry["about"]
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise BadInput(f"{str(path)!r} is damaged or is not a file of this package") from error
    if found != kind:
        raise BadInput(f"{str(path)!r} contains a model of kind {found!r}, expected {kind!r}")
    return WeightFile(about, weights)
