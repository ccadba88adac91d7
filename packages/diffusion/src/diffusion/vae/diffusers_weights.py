"""Converting an autoencoder from and to the layout of `AutoencoderKL` in diffusers.

Names differ, and the attention: diffusers has separate matrices for queries, keys and values, where
ours stacks their rows in one. Gradients have the layout of their weights, so the same table
converts them. The scale of the latents is not a weight in diffusers but a setting.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor

from diffusion.vae.latents import LatentStatistics, set_latent_scale
from diffusion.vae.vae import VAE, VAEConfig
from gpt.errors import BadInput
from gpt.files import JsonObject, read_json, write_atomically

CONFIG_FILE, WEIGHTS_FILE = "config.json", "diffusion_pytorch_model.safetensors"
BUFFERS = ("latent_mean", "latent_scale")
RESIDUAL_BLOCK = {
    "norm_1": "norm1",
    "convolution_1": "conv1",
    "norm_2": "norm2",
    "convolution_2": "conv2",
    "skip": "conv_shortcut",
}

ModuleNames = dict[str, tuple[str, ...]]
"""Layers of one of our modules, and the layers of diffusers that their rows are stacked from."""


class LayerName(NamedTuple):
    """A layer of ours, and the layers of diffusers that its rows are stacked from."""

    ours: str
    theirs: tuple[str, ...]


def residual_block_names(theirs: str) -> ModuleNames:
    """Return the layers of a residual block."""
    return {ours: (f"{theirs}.{name}",) for ours, name in RESIDUAL_BLOCK.items()}


def middle_names(config: VAEConfig) -> list[ModuleNames]:
    """Return the modules at the smallest size."""
    first, last = (residual_block_names(f"mid_block.resnets.{number}") for number in range(2))
    theirs = "mid_block.attentions.0"
    attention = {
        "norm": (f"{theirs}.group_norm",),
        "attention.qkv": tuple(f"{theirs}.to_{each}" for each in "qkv"),
        "attention.output": (f"{theirs}.to_out.0",),
    }
    return [first, attention, last] if config.attention else [first, last]


def stage_names(config: VAEConfig, direction: str, n_blocks: int) -> list[ModuleNames]:
    """Return the modules of all stages on the way "down" or "up"."""
    modules = []
    for stage in range(len(config.stage_channels)):
        theirs = f"{direction}_blocks.{stage}"
        blocks = range(n_blocks)
        modules += [residual_block_names(f"{theirs}.resnets.{number}") for number in blocks]
        if stage < len(config.stage_channels) - 1:
            modules.append({"convolution": (f"{theirs}.{direction}samplers.0.conv",)})
    return modules


def layer_names(config: VAEConfig) -> Iterator[LayerName]:
    """Yield all layers in the order of `VAE`; a skip that a block does not have is among them."""
    down = stage_names(config, "down", config.n_blocks)
    up = stage_names(config, "up", config.n_blocks + 1)
    middle = middle_names(config)
    first: ModuleNames = {"": ("conv_in",)}
    # normalisation, activation (without weights), convolution
    last: list[ModuleNames] = [{"": ("conv_norm_out",)}, {}, {"": ("conv_out",)}]
    halves = {"encoder": [first, *down, *middle, *last], "decoder": [first, *middle, *up, *last]}
    for half, modules in halves.items():
        for number, names in enumerate(modules):
            for ours, theirs in names.items():
                layer = f"{half}.{number}.{ours}".removesuffix(".")
                yield LayerName(layer, tuple(f"{half}.{name}" for name in theirs))
    yield LayerName("to_distribution", ("quant_conv",))
    yield LayerName("from_latent", ("post_quant_conv",))


def from_autoencoder_kl(state_dict: dict[str, Tensor], config: VAEConfig) -> dict[str, Tensor]:
    """Convert weights (or gradients) of `AutoencoderKL` by name to our names and layouts.

    Raises:
        BadInput: there is an unknown tensor. A missing one is found when the weights are loaded.
    """
    remaining, ours = dict(state_dict), {}
    for layer in layer_names(config):
        for kind in ("weight", "bias"):
            names = [f"{name}.{kind}" for name in layer.theirs]
            if all(name in remaining for name in names):
                parts = [remaining.pop(name) for name in names]
                ours[f"{layer.ours}.{kind}"] = torch.cat(parts) if len(parts) > 1 else parts[0]
    if remaining:
        raise BadInput(f"the autoencoder has an unknown tensor {min(remaining)!r}")
    return ours


def to_autoencoder_kl(weights: dict[str, Tensor], config: VAEConfig) -> dict[str, Tensor]:
    """Convert our weights (or gradients) by name to those of `AutoencoderKL`; buffers are left out.

    The buffers are settings in diffusers: see `to_autoencoder_config`.
    """
    theirs = {}
    for layer in layer_names(config):
        for kind in ("weight", "bias"):
            if (name := f"{layer.ours}.{kind}") in weights:
                parts = weights[name].chunk(len(layer.theirs))
                for their_name, part in zip(layer.theirs, parts, strict=True):
                    theirs[f"{their_name}.{kind}"] = part.contiguous()
    return theirs


def from_autoencoder_config(config: JsonObject) -> tuple[VAEConfig, LatentStatistics]:
    """Read the settings of an `AutoencoderKL`: our config and the scale of the latents.

    diffusers scales by (z - shift_factor) * scaling_factor, or per channel by
    (z - latents_mean) * scaling_factor / latents_std.

    Raises:
        BadInput: the settings describe another architecture.
    """
    stages = config["block_out_channels"]
    expected = {
        "out_channels": config["in_channels"],
        "down_block_types": ["DownEncoderBlock2D"] * len(stages),
        "up_block_types": ["UpDecoderBlock2D"] * len(stages),
        "act_fn": "silu",
        "use_quant_conv": True,
        "use_post_quant_conv": True,
    }
    for name, value in expected.items():
        found = config.get(name, value)
        if (list(found) if isinstance(found, tuple) else found) != value:
            raise BadInput(f"{name} must be {value!r} for our autoencoder, got {found!r}")
    z = config.get("latent_channels", 4)
    ours = VAEConfig(
        n_channels=config["in_channels"],
        latent_channels=z,
        stage_channels=tuple(stages),
        n_blocks=config["layers_per_block"],
        n_groups=config.get("norm_num_groups", 32),
        attention=config.get("mid_block_add_attention", True),
    )
    mean = config.get("latents_mean") or [config.get("shift_factor") or 0.0] * z
    std = torch.tensor(config.get("latents_std") or [1.0] * z)
    return ours, LatentStatistics(torch.tensor(mean), std / config.get("scaling_factor", 0.18215))


def to_autoencoder_config(vae: VAE) -> JsonObject:
    """Write the settings that make `AutoencoderKL` the same model, with the scale per channel."""
    config, n_stages = vae.config, len(vae.config.stage_channels)
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": config.n_channels,
        "out_channels": config.n_channels,
        "down_block_types": ["DownEncoderBlock2D"] * n_stages,
        "up_block_types": ["UpDecoderBlock2D"] * n_stages,
        "block_out_channels": list(config.stage_channels),
        "layers_per_block": config.n_blocks,
        "latent_channels": config.latent_channels,
        "norm_num_groups": config.n_groups,
        "mid_block_add_attention": config.attention,
        "latents_mean": vae.latent_mean.tolist(),
        "latents_std": vae.latent_scale.tolist(),
        "scaling_factor": 1.0,
    }


def load_autoencoder_kl(folder: Path) -> VAE:
    """Read an autoencoder from a folder of diffusers.

    Raises:
        BadInput: the folder lacks a file, or contains another architecture.
    """
    settings = read_json(folder / CONFIG_FILE)
    try:
        config, statistics = from_autoencoder_config(settings)
    except KeyError as error:
        raise BadInput(f"{str(folder / CONFIG_FILE)!r} has no entry {error}") from error
    if not (folder / WEIGHTS_FILE).is_file():
        raise BadInput(f"there is no file {str(folder / WEIGHTS_FILE)!r}")
    vae = VAE(config)
    try:
        state_dict = safetensors.torch.load_file(folder / WEIGHTS_FILE)
        weights = from_autoencoder_kl(state_dict, config)
        buffers = {name: getattr(vae, name) for name in BUFFERS}
        vae.load_state_dict(weights | buffers)
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[-1].strip()
        raise BadInput(f"the weights in {str(folder)!r} do not fit: {reason}") from error
    set_latent_scale(vae, statistics)
    return vae.eval()


def save_autoencoder_kl(folder: Path, vae: VAE) -> None:
    """Write an autoencoder as a folder that diffusers opens."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = json.dumps(to_autoencoder_config(vae), indent=2)
    write_atomically(folder / CONFIG_FILE, settings.encode())
    weights = to_autoencoder_kl(vae.state_dict(), vae.config)
    data = safetensors.torch.save(weights, metadata={"format": "pt"})
    write_atomically(folder / WEIGHTS_FILE, data)
