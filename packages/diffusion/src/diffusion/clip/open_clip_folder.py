"""Reading and writing a CLIP as a folder of open_clip: a config and a file of weights."""

import json
from pathlib import Path

import safetensors.torch

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.clip.open_clip_weights import from_open_clip, to_open_clip
from diffusion.clip.towers import CLIP
from gpt.errors import BadInput
from gpt.files import JsonObject, read_json, write_atomically

OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
KNOWN_SETTINGS = {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"}
DEFAULT_SETTINGS = {
    "mlp_ratio": (4.0,),
    "pool_type": ("tok", "argmax"),
    "pos_embed_type": ("learnable",),
    "proj_type": ("linear",),
}
"""Values of other settings that do not change the model."""


def from_open_clip_config(model: JsonObject) -> CLIPConfig:
    """Read a model config of open_clip, with its defaults.

    Raises:
        BadInput: the config describes another architecture.
    """
    image, caption = dict(model["vision_cfg"]), dict(model["text_cfg"])
    width = pop_number(image, "width", 768)
    ours = CLIPConfig(
        vocab_size=pop_number(caption, "vocab_size", 49_408),
        context=pop_number(caption, "context_length", 77),
        size=pop_number(image, "image_size", 224),
        patch_size=pop_number(image, "patch_size", 16),
        d_embedding=model["embed_dim"],
        image_tower=TowerConfig(
            d_model=width,
            n_layers=pop_number(image, "layers", 12),
            n_heads=width // pop_number(image, "head_width", 64),
        ),
        caption_tower=TowerConfig(
            d_model=pop_number(caption, "width", 512),
            n_layers=pop_number(caption, "layers", 12),
            n_heads=pop_number(caption, "heads", 8),
        ),
        activation="quick-gelu" if model.get("quick_gelu") else "gelu",
    )
    other = {name: value for name, value in model.items() if name not in KNOWN_SETTINGS}
    for settings in (other, image, caption):
        for name, value in settings.items():
            if value not in (None, False, *DEFAULT_SETTINGS.get(name, ())):
                raise BadInput(f"{name} = {value!r} of this model is not supported by our CLIP")
    return ours


def pop_number(settings: JsonObject, name: str, default: int) -> int:
    """Remove a setting and return it.

    Raises:
        BadInput: it is not an integer, as the layers of a ResNet.
    """
    value = settings.pop(name, default)
    if not isinstance(value, int):
        raise BadInput(f"{name} = {value!r} of this model is not supported by our CLIP")
    return value


def to_open_clip_config(config: CLIPConfig) -> JsonObject:
    """Write the model config that makes open_clip the same model.

    Raises:
        BadInput: images are not in colour, which open_clip requires.
    """
    if config.n_channels != 3:
        raise BadInput(f"open_clip needs images of 3 channels, got {config.n_channels}")
    image, caption = config.image_tower, config.caption_tower
    return {
        "embed_dim": config.d_embedding,
        "quick_gelu": config.activation == "quick-gelu",
        "vision_cfg": {
            "image_size": config.size,
            "patch_size": config.patch_size,
            "width": image.d_model,
            "layers": image.n_layers,
            "head_width": image.d_model // image.n_heads,
        },
        "text_cfg": {
            "context_length": config.context,
            "vocab_size": config.vocab_size,
            "width": caption.d_model,
            "heads": caption.n_heads,
            "layers": caption.n_layers,
        },
    }


def load_open_clip(name: str) -> CLIP:
    """Load a CLIP from a folder in the layout of open_clip, or by its hub id.

    Raises:
        BadInput: there is no such model, or it has another architecture.
    """
    folder = find_open_clip_folder(name)
    try:
        config = from_open_clip_config(read_json(folder / OPEN_CLIP_CONFIG)["model_cfg"])
    except KeyError as error:
        raise BadInput(f"{str(folder / OPEN_CLIP_CONFIG)!r} has no entry {error}") from error
    if not (folder / OPEN_CLIP_WEIGHTS).is_file():
        raise BadInput(f"there is no file {str(folder / OPEN_CLIP_WEIGHTS)!r}")
    clip = CLIP(config)
    try:
        state_dict = safetensors.torch.load_file(folder / OPEN_CLIP_WEIGHTS)
        clip.load_state_dict(from_open_clip(state_dict, config))
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[-1].strip()
        raise BadInput(f"the weights in {str(folder)!r} do not fit: {reason}") from error
    return clip.eval()


def find_open_clip_folder(name: str) -> Path:
    """Return the folder of a model; a hub id is downloaded.

    Raises:
        BadInput: there is no such model, or the extra `hub` is not installed.
    """
    if Path(name).exists():
        if (Path(name) / OPEN_CLIP_CONFIG).is_file():
            return Path(name)
        raise BadInput(f"{name!r} is not a folder with an {OPEN_CLIP_CONFIG}")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError as error:
        raise BadInput(
            f"there is no folder {name!r}, and hub models need the extra hub; in a clone: "
            "uv pip install -e 'packages/diffusion[hub]'"
        ) from error
    try:
        files = [OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS]
        return Path(snapshot_download(name, allow_patterns=files))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise BadInput(
            f"there is no folder {name!r}, and no model of that name from the hub: {reason}"
        ) from error


def save_open_clip(folder: Path, clip: CLIP) -> None:
    """Write a CLIP as a folder that open_clip opens as "local-dir:FOLDER"."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"model_cfg": to_open_clip_config(clip.config), "preprocess_cfg": {}}
    write_atomically(folder / OPEN_CLIP_CONFIG, json.dumps(settings, indent=2).encode())
    weights = safetensors.torch.save(to_open_clip(clip.state_dict(), clip.config))
    write_atomically(folder / OPEN_CLIP_WEIGHTS, weights)
