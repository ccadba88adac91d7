"""Reading and writing a model as a folder in the layout of transformers.

    config.json  model.safetensors  tokenizer.json  tokenizer_config.json  generation_config.json

Weights are only read from safetensors files, so nothing is unpickled.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from gpt.errors import BadInput
from gpt.files import JsonObject, read_json, write_atomically
from gpt.model.gpt import GPT
from gpt.pretrained.shapes import config_from_transformers, config_to_transformers
from gpt.pretrained.weights import has_own_head, weights_from_transformers, weights_to_transformers
from gpt.runs.state import load_weights


def from_transformers(config: JsonObject, state_dict: dict[str, Tensor]) -> GPT:
    """Build our model from a `config.json` and a state dict, without copying the tensors.

    Raises:
        BadInput: the family is not supported, or the tensors do not match the config.
    """
    gpt_config = config_from_transformers(config)
    if has_own_head(state_dict, gpt_config):
        gpt_config = replace(gpt_config, tied_head=False)
    with torch.device("meta"):  # without initial weights, which would be replaced anyway
        model = GPT(gpt_config)
    load_weights(model, weights_from_transformers(state_dict, gpt_config), assign=True)
    return model


def to_transformers(model: GPT) -> tuple[JsonObject, dict[str, Tensor]]:
    """Return the `config.json` and the state dict of our model.

    Raises:
        BadInput: transformers has no class for this architecture.
    """
    return config_to_transformers(model.config), weights_to_transformers(
        model.state_dict(), model.config
    )


def read_model(folder: Path) -> GPT:
    """Read the model in a folder; its weights keep their precision.

    Raises:
        BadInput: a file is missing or damaged, or the model's family is not supported.
    """
    return from_transformers(read_json(folder / "config.json"), read_tensors(folder))


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Read `model.safetensors`, or the files named in an index if that file does not exist.

    Raises:
        BadInput: a file is missing or damaged.
    """
    index = folder / "model.safetensors.index.json"
    names = {"model.safetensors"}
    if index.is_file() and not (folder / "model.safetensors").is_file():
        files = read_json(index).get("weight_map")
        if not isinstance(files, dict) or not all(isinstance(name, str) for name in files.values()):
            raise BadInput(f"{str(index)!r} does not say which file holds which tensor")
        names = {Path(name).name for name in files.values()}  # no file outside the folder
    tensors = {}
    for name in sorted(names):
        path = folder / name
        try:
            tensors |= safetensors.torch.load_file(path)
        except FileNotFoundError as error:
            raise BadInput(
                f"{str(path)!r} is missing; weights are only read from safetensors files"
            ) from error
        except safetensors.SafetensorError as error:
            raise BadInput(f"{str(path)!r} is damaged: {error}") from error
    return tensors


def write_model(
    folder: Path,
    model: GPT,
    end_of_text: int | list[int] | None,
    begin_of_text: int | None = None,
    padding: int | None = None,
    generation: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write config and weights, and the ids of special tokens.

    `config.json` is written last, so that a folder that contains it is complete.

    Args:
        folder: the folder, which is created if it does not exist.
        model: any model that transformers has a class for.
        end_of_text: the id at which generation stops, or several ids.
        begin_of_text: the id that begins a text; by default the first id of `end_of_text`.
        padding: the id that pads short rows, if the model has one.
        generation: further settings of `generation_config.json`.
    """
    config, tensors = to_transformers(model)
    folder.mkdir(parents=True, exist_ok=True)
    first = end_of_text[0] if isinstance(end_of_text, list) else end_of_text
    begin = first if begin_of_text is None else begin_of_text
    special = {"bos_token_id": begin, "eos_token_id": end_of_text}
    special |= {} if padding is None else {"pad_token_id": padding}
    config |= {"dtype": str(next(model.parameters()).dtype).removeprefix("torch."), **special}
    tensors = {name: tensor.cpu() for name, tensor in tensors.items()}
    stored = safetensors.torch.save(tensors, {"format": "pt"})
    write_atomically(folder / "model.safetensors", stored)
    files = {"generation_config.json": {**special, **generation}, "config.json": config}
    for name, content in files.items():
        write_atomically(folder / name, (json.dumps(content, indent=2) + "\n").encode())
