"""A model as a folder in the layout of transformers: read one, write one.

    config.json  model.safetensors  tokenizer.json  tokenizer_config.json  generation_config.json

Nothing is unpickled: weights come from safetensors files alone.
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
from gpt.files import read_json, write_atomically
from gpt.model.gpt import GPT
from gpt.pretrained.shapes import config_from_transformers, config_to_transformers
from gpt.pretrained.weights import has_own_head, weights_from_transformers, weights_to_transformers
from gpt.runs.state import load_weights


def from_transformers(config: dict[str, Any], theirs: dict[str, Tensor]) -> GPT:
    """Our model of a `config.json` and a state dict; the tensors are taken over, not copied.

    Raises:
        BadInput: the family is unknown, or shape and tensors do not fit.
    """
    shape = config_from_transformers(config)
    if has_own_head(theirs, shape):
        shape = replace(shape, tied_head=False)
    with torch.device("meta"):  # no first weights, which would only be thrown away
        model = GPT(shape)
    load_weights(model, weights_from_transformers(theirs, shape), assign=True)
    return model


def to_transformers(model: GPT) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The `config.json` and the state dict of our model.

    Raises:
        BadInput: transformers has no class for this mix of parts.
    """
    return config_to_transformers(model.config), weights_to_transformers(
        model.state_dict(), model.config
    )


def read_model(folder: Path) -> GPT:
    """The model in a folder, in the format of its weights.

    Raises:
        BadInput: a file is missing or damaged, or the model is of a family that ours cannot be.
    """
    return from_transformers(read_json(folder / "config.json"), read_tensors(folder))


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """The tensors of one file, or, where it is not there, of the several that an index names."""
    index = folder / "model.safetensors.index.json"
    names = {"model.safetensors"}
    if index.is_file() and not (folder / "model.safetensors").is_file():
        names = shards(read_json(index), index)
    tensors = {}
    for name in sorted(names):
        path = folder / name
        try:
            tensors |= safetensors.torch.load_file(path)
        except FileNotFoundError as error:
            raise BadInput(
                f"{str(path)!r} is missing; weights are read from safetensors"
            ) from error
        except safetensors.SafetensorError as error:
            raise BadInput(f"{str(path)!r} is damaged: {error}") from error
    return tensors


def shards(index: dict[str, Any], path: Path) -> set[str]:
    """The files that an index names, none of them outside its folder."""
    places = index.get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(each, str) for each in places.values()):
        raise BadInput(f"{str(path)!r} does not say which file holds which tensor")
    return {Path(name).name for name in places.values()}


def write_model(
    folder: Path,
    model: GPT,
    end_of_text: int | list[int] | None,
    begin_of_text: int | None = None,
    padding: int | None = None,
    generation: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write config and weights, and which tokens end and begin a text.

    `config.json` comes last, so that a folder with one is whole.

    Args:
        folder: made if it is not there.
        model: any model that transformers has a class for.
        end_of_text: the id at which generation stops, or several of them.
        begin_of_text: the id that begins a text; by default the first that ends one.
        padding: the id that fills short rows up; None where a model has none.
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
    write_json(folder / "generation_config.json", {**special, **generation})
    write_json(folder / "config.json", config)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """One of the JSON files."""
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
