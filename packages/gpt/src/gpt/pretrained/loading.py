"""Loading a model by any name: `smollm2`, a run folder, a folder of transformers or a hub id."""

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
    """Load the model called `name`, ready for generation.

    Args:
        name: `smollm2`, a run folder, a folder in the layout of transformers, or a hub id.
        device: the device to load to; the CPU by default.
        precision: the format of the weights, fp32 or bf16.

    Raises:
        BadInput: there is no such model, or its family is not supported.
    """
    folder = find_model_folder(name)
    if "model_type" in read_json(folder / "config.json"):
        if (folder / ADAPTER_CONFIG_FILE).is_file():  # which transformers would load too
            raise BadInput(
                f"{name!r} holds an adapter ({ADAPTER_CONFIG_FILE}); open it with: finetune chat"
            )
        generation_settings(folder)
        model, tokenizer = read_model(folder), read_hugging_face_tokenizer(folder)
        if tokenizer.vocab_size > model.config.vocab_size:
            raise BadInput(
                f"{name!r} has a tokenizer of {tokenizer.vocab_size} tokens, "
                f"but a model of only {model.config.vocab_size}"
            )
    else:
        model, tokenizer, _ = load_model(folder)
    return PretrainedModel(model.to(device=device, dtype=DTYPES[precision]).eval(), tokenizer)


def find_model_folder(name: str) -> Path:
    """Return the folder of a model; a hub id is downloaded.

    Raises:
        BadInput: there is no such model.
    """
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
    """Return the local folder of a hub model, downloading what is not in the cache.

    Raises:
        BadInput: the extra `hub` is not installed, or the hub does not have the model.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
        )
    except ImportError as error:
        raise BadInput(
            f"there is no folder {name!r}, and hub models need the extra hub; in a clone: "
            "uv pip install -e 'packages/gpt[hub]'"
        ) from error
    try:
        return Path(snapshot_download(name, allow_patterns=HUB_FILE_PATTERNS))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise BadInput(
            f"there is no folder {name!r}, and no model of that name from the hub: {reason}"
        ) from error
