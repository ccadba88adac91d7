"""diffusers' DiT, autoencoder and schedulers, and open_clip's CLIP; needs the extra `baselines`."""

from collections.abc import Callable
from importlib.metadata import version as installed
from typing import Any

try:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.transformers.dit_transformer_2d import DiTTransformer2DModel
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
        FlowMatchEulerDiscreteScheduler,
    )
    from diffusers.schedulers.scheduling_flow_match_heun_discrete import (
        FlowMatchHeunDiscreteScheduler,
    )
    from diffusers.utils import logging as library_messages
    from open_clip.loss import ClipLoss
    from open_clip.model import CLIP as LibraryCLIP
except ImportError as error:
    raise ImportError(
        "comparisons need the extra baselines; in a clone: "
        "uv pip install -e 'packages/diffusion[baselines]'"
    ) from error

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffusion.clip.open_clip_folder import to_open_clip_config
from diffusion.clip.open_clip_weights import to_open_clip
from diffusion.clip.towers import CLIP
from diffusion.model.dit import DiT
from diffusion.pretrained.dit_weights import dit_to_diffusers
from diffusion.vae.diffusers_folder import to_autoencoder_config
from diffusion.vae.diffusers_weights import to_autoencoder_kl
from diffusion.vae.vae import VAE

library_messages.set_verbosity_error()

TRAIN_TIMESTEPS = 1000
LibraryVelocity = Callable[[Tensor, Tensor], Tensor]
"""Returns the velocity of all rows at a time from 0 to 1, given as a tensor."""


def library_version(library: str) -> str:
    """Return name and version of an installed library."""
    # as in `gpt.baselines`, which needs transformers
    return f"{library} {installed(library)}"


def to_library_dit(model: DiT) -> DiTTransformer2DModel:
    """Make a `DiTTransformer2DModel` with a copy of our weights."""
    config, tensors = dit_to_diffusers(model)
    library: Any = DiTTransformer2DModel.from_config(config)
    library.load_state_dict(tensors)
    return library.eval().to(next(model.parameters()).dtype)


def to_library_vae(vae: VAE) -> AutoencoderKL:
    """Make an `AutoencoderKL` with a copy of our weights."""
    library: Any = AutoencoderKL.from_config(to_autoencoder_config(vae))
    library.load_state_dict(to_autoencoder_kl(vae.state_dict(), vae.config))
    return library.eval()


def to_library_clip(clip: CLIP) -> LibraryCLIP:
    """Make a CLIP of open_clip with a copy of our weights."""
    library = LibraryCLIP(**to_open_clip_config(clip.config))
    weights = to_open_clip(clip.state_dict(), clip.config)
    library.load_state_dict({name: tensor.clone() for name, tensor in weights.items()})
    return library


def library_clip_loss(
    model: LibraryCLIP, images: Float[Tensor, "B C height width"], captions: Int[Tensor, "B T"]
) -> Float[Tensor, ""]:
    """Return the contrastive loss of open_clip, per pair."""
    return ClipLoss()(*model(images, captions))


def library_output(
    model: DiTTransformer2DModel,
    x: Float[Tensor, "B C height width"],
    t: Float[Tensor, " B"],
    labels: Int[Tensor, " B"],
) -> Float[Tensor, "B C height width"]:
    """Return the output of the library's model at times from 0 to 1."""
    return model(x, TRAIN_TIMESTEPS * t, class_labels=labels, return_dict=False)[0]


def euler_scheduler(n_steps: int, shift: float) -> FlowMatchEulerDiscreteScheduler:
    """Make a scheduler with evenly spaced times; without `sigmas` it would end before 0."""
    scheduler = FlowMatchEulerDiscreteScheduler(TRAIN_TIMESTEPS, shift=shift)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / n_steps, n_steps).tolist())
    return scheduler


def heun_scheduler(n_steps: int) -> FlowMatchHeunDiscreteScheduler:
    """Make a scheduler with the same times.

    It takes no `sigmas`, and its last time before 0 is 1 / num_train_timesteps. With the usual 1000
    it divides velocities by 0.001 and is ten times as far from float64 as our steps are.
    """
    scheduler = FlowMatchHeunDiscreteScheduler(n_steps)
    scheduler.set_timesteps(n_steps)
    return scheduler


def library_sample(
    scheduler: Any,
    velocity: LibraryVelocity,
    noise: Float[Tensor, "B *D"],
) -> Float[Tensor, "B *D"]:
    """Follow a velocity from noise to data with a scheduler."""
    x = noise
    for timestep in scheduler.timesteps:
        output = velocity(x, timestep / scheduler.config["num_train_timesteps"])
        x = scheduler.step(output, timestep, x, return_dict=False)[0]
    return x


@torch.inference_mode()
def library_guided_sample(
    model: DiTTransformer2DModel,
    labels: Int[Tensor, " B"],
    noise: Float[Tensor, "B C height width"],
    n_steps: int,
    weight: float,
) -> Float[Tensor, "B C height width"]:
    """Sample with guidance: the library's model and Euler scheduler, driven in a loop."""
    no_label = torch.full_like(labels, model.config["num_embeds_ada_norm"])
    both = torch.cat([labels, no_label])

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        output = library_output(model, torch.cat([x, x]), t.expand(len(both)), both)
        conditional, unconditional = output.chunk(2)
        return unconditional + weight * (conditional - unconditional)

    return library_sample(euler_scheduler(n_steps, 1.0), velocity, noise)
