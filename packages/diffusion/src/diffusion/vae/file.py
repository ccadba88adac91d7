"""The file of an autoencoder: its weights with its config and the scale of its latents."""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from diffusion.vae.vae import VAE, VAEConfig
from diffusion.weight_files import read_weights, write_weights
from gpt.errors import BadInput
from gpt.files import JsonObject


class TrainedVAE(NamedTuple):
    """An autoencoder with a description of its training."""

    vae: VAE
    about: JsonObject


def save_vae(path: Path, vae: VAE, about: JsonObject) -> None:
    """Write an autoencoder and a description of its training."""
    write_weights(path, "vae", about | {"model": asdict(vae.config)}, vae.state_dict())


def load_vae(path: Path) -> TrainedVAE:
    """Read an autoencoder and the description of its training.

    Raises:
        BadInput: there is no such file, or it is damaged or contains another model.
    """
    about, weights = read_weights(path, "vae")
    try:
        vae = VAE(VAEConfig.from_dict(about.pop("model")))
        vae.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"{str(path)!r} is damaged: its weights do not fit its config") from error
    return TrainedVAE(vae.eval(), about)
