"""One file with everything that sampling needs: flow model, autoencoder, and known prompts.

The weights are stored in bf16, which halves the file, and converted to fp32 when they are loaded.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from diffusion.data.captions import WordTokenizer
from diffusion.model.fast import use_fast_operations
from diffusion.model.flow_model import FlowModelConfig
from diffusion.training.folder import DiffusionFolder
from diffusion.training.image_model import ImageModel, load_run
from diffusion.training.options import TrainConfig
from diffusion.training.prompts import LabelNames, Prompts
from diffusion.vae.vae import VAE, VAEConfig
from diffusion.weight_files import read_weights, write_weights
from gpt.errors import BadInput
from gpt.files import JsonObject
from gpt.runs.state import select_prefix

SHIPPED = Path(__file__).parents[1] / "pretrained" / "emoji.safetensors"
"""The text-to-image model of emoji that ships with the package."""


def save_image_model(path: Path, run: Path, report: JsonObject) -> None:
    """Write the model of a run, with its training options and a report of its evaluation."""
    model, folder = load_run(run), DiffusionFolder(run)
    weights = {f"flow.{name}": weight for name, weight in model.flow.state_dict().items()}
    if model.vae is not None:
        weights |= {f"vae.{name}": weight for name, weight in model.vae.state_dict().items()}
    about = {
        "flow": asdict(folder.flow_model_config()),
        "vae": None if model.vae is None else asdict(model.vae.config),
        "prompts": None if model.prompts is None else json.loads(model.prompts.to_json()),
        "shape": list(model.shape),
        "options": TrainConfig.saved(run).settings(),
        "report": report,
    }
    rounded = {name: weight.to(torch.bfloat16) for name, weight in weights.items()}
    write_weights(path, "image-model", about, rounded)


def load_model(path: Path, device: torch.device | None = None) -> ImageModel:
    """Load a model that the user named by the folder of its run or by its file.

    Raises:
        BadInput: there is no such run or file.
    """
    return load_image_model(path, device) if path.is_file() else load_run(path, device)


def shipped_model(device: torch.device | None = None) -> ImageModel:
    """Load the text-to-image model that ships with the package: emoji in three styles."""
    return load_image_model(SHIPPED, device)


def load_image_model(path: Path, device: torch.device | None = None) -> ImageModel:
    """Load a model from a file that `save_image_model` wrote.

    Raises:
        BadInput: there is no such file, or it is damaged or contains another model.
    """
    about, weights = read_weights(path, "image-model")
    weights = {name: weight.float() for name, weight in weights.items()}
    try:
        flow = FlowModelConfig.from_dict(about["flow"]).build()
        flow.load_state_dict(select_prefix(weights, "flow"))
        vae = None
        if about["vae"] is not None:
            vae = VAE(VAEConfig.from_dict(about["vae"]))
            vae.load_state_dict(select_prefix(weights, "vae"))
            vae = vae.eval().to(device)
        shape, prompts = tuple(about["shape"]), prompts_from_json(about["prompts"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"{str(path)!r} is damaged: its weights do not fit its config") from error
    use_fast_operations(flow)
    return ImageModel(flow.to(device).eval(), shape, prompts, vae)


def prompts_from_json(content: Any) -> Prompts | None:
    """Return the prompts that parsed JSON describes: none, a list of names, or a tokenizer."""
    if content is None:
        return None
    if isinstance(content, list):
        return LabelNames(tuple(content))
    return WordTokenizer.from_json(json.dumps(content))
