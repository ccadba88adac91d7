"""Reading and writing an autoencoder as a folder of diffusers: a config and a file of weights.

The scale of the latents is not a weight in diffusers but a setting of the config.
"""

import json
from pathlib import Path

import safetensors.torch
import torch

from diffusion.vae.diffusers_weights import from_autoencoder_kl, to_autoencoder_kl
from diffusion.vae.latents import LatentStatistics, set_latent_scale
from diffusion.vae.vae import VAE, VAEConfig
from gpt.errors import BadInput
from gpt.files import JsonObject, read_json, write_atomically

CONFIG_FILE, WEIGHTS_FILE = "config.json", "diffusion_pytorch_model.safetensors"
BUFFERS = ("latent_mean", "latent_scale")


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
