"""One function that loads a model by whatever name it goes: a run, a folder, SmolLM2, a hub id."""

import re
from pathlib import Path
from typing import NamedTuple

import torch

from gpt.errors import BadInput
from gpt.files import read_json
from gpt.model.gpt import GPT
from gpt.pretrained.folders import read_model
from gpt.pretrained.generation import generation_settings
from gpt.pretrained.smollm2 import smollm2_folder
from gpt.runs.folder import load_model
from gpt.text.tokenizer_json import read_hugging_face_tokenizer
from gpt.text.tokenizers import Tokenizer

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
ADAPTER_CONFIG_FILE = "adapter_config.json"
HUB_FILE_PATTERNS = ["*.json", "*.safetensors", "*.jinja"]


class PretrainedModel(NamedTuple):
    """A model and the tokenizer that it was trained with."""

    model: GPT
    tokenizer: Tokenizer


def load_pretrained(
    name: str, device: torch.device | None = None, precision: str = "fp32"
) -> PretrainedModel:
    """The model called `name`, ready to write.

    Args:
        name: `smollm2`, a run folder, a folder in the layout of transformers, or a hub id.
        device: where to; the CPU where nothing is said.
        precision: the format of its weights, fp32 or bf16.

    Raises:
        BadInput: there is no such model, or it is of a family that ours cannot be.
    """
    folder = find_model_folder(name)
    if "model_type" in read_json(folder / "config.json"):
        if (folder / ADAPTER_CONFIG_FILE).is_file():  # transformers would load the adapter as well
            raise BadInput(
                f"{name!r} holds an adapter ({ADAPTER_CONFIG_FILE}); open it with: finetune chat"
            )
        generation_settings(folder)
        model, tokenizer = read_model(folder), read_hugging_face_tokenizer(folder)
        if tokenizer.vocab_size > model.config.vocab_size:
            raise BadInput(
                f"{name!r} has a tokenizer of {tokenizer.vocab_size} tokens "
                f"and a model of {model.config.vocab_size}"
            )
    else:
        model, tokenizer, _ = load_model(folder)
    return PretrainedModel(model.to(device=device, dtype=DTYPES[precision]).eval(), tokenizer)


def find_model_folder(name: str) -> Path:
    """Where the model lies; a hub id is fetched."""
    if name == "smollm2":
        return smollm2_folder()
    if (Path(name) / "config.json").is_file():
        return Path(name)
    if Path(name).exists() or not HUB_ID.fullmatch(name):
        raise BadInput(
            f"there is no model in {name!r}; give smollm2, a run folder, a folder with a "
            "config.json, or the OWNER/NAME of a model on the hub"
        )
    return download_from_hub(name)


def download_from_hub(name: str) -> Path:
    """The folder of a hub model, from the cache or the network."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
        )
    except ImportError as error:
        raise BadInput(
            f"there is no folder {name!r}, and models of the hub need the extra hub; in a clone: "
            "uv pip install -e 'packages/gpt[hub]'"
        ) from error
    try:
        return Path(snapshot_download(name, allow_patterns=HUB_FILE_PATTERNS))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise BadInput(
            f"there is no folder {name!r}, and the hub does not give a model of that name: {reason}"
        ) from error
