"""The data of a run as tensors: images, latents or points, and their conditions as ids."""

import hashlib
from itertools import chain
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffusion.flow.mixture import ring
from diffusion.model.flow_model import ConditionKind
from diffusion.training.images import load_task_images
from diffusion.training.options import TrainConfig
from diffusion.training.prompts import (
    LabelNames,
    Prompts,
    condition_ids,
    held_out_ids,
    make_prompts,
)
from diffusion.vae.vae import VAE

N_POINTS = 20_000


class Examples(NamedTuple):
    """Data to generate, with the condition of each example."""

    x: Float[Tensor, "N *D"]
    condition: Int[Tensor, "N T"]
    """Ids of the label or of the caption's words; no ids for an unconditional model."""


class TaskExamples(NamedTuple):
    """The examples of a run for training and for validation."""

    train: Examples
    held_out: Examples
    held_out_captions: list[str]
    """Captions of the held-out images, with words that training may not have."""
    prompts: Prompts | None
    """Classes or words of the conditions; None for an unconditional model."""
    sha256: str
    """Checksum of the data. That of latents is of their images, since the last bits of latents
    differ between machines and numbers of threads."""


def load_examples(
    config: TrainConfig, vae: VAE | None = None, prompts: Prompts | None = None
) -> TaskExamples:
    """Load the data of a run.

    Args:
        config: the options of the run.
        vae: the autoencoder whose scaled latents are the data instead of the images.
        prompts: the known words, if a trained caption encoder decides them.
    """
    if config.task == "flow2d":
        return ring_examples(config.condition)
    images = load_task_images(config)
    prompts = prompts or make_prompts(images[0], config.condition)
    train = Examples(images[0].images, condition_ids(images[0], prompts))
    held_out = Examples(images[1].images, held_out_ids(images[1], prompts))
    sha256 = examples_sha256(train, held_out)
    if vae is not None:
        train, held_out = (
            Examples(encode_images(vae, each.x), each.condition) for each in (train, held_out)
        )
    return TaskExamples(train, held_out, images[1].captions, prompts, sha256)


def examples_sha256(*examples: Examples) -> str:
    """Return the checksum of examples."""
    sha = hashlib.sha256()
    for tensor in chain(*examples):
        sha.update(tensor.contiguous().numpy().tobytes())
    return sha.hexdigest()


@torch.no_grad()
def encode_images(
    vae: VAE, images: Float[Tensor, "N C height width"], batch_size: int = 256
) -> Float[Tensor, "N Z h w"]:
    """Return the scaled latents of images."""
    return torch.cat([vae.encode_scaled(batch) for batch in images.split(batch_size)])


def ring_examples(condition: ConditionKind) -> TaskExamples:
    """Return points from a ring of normal distributions, which are the classes."""
    mixture, generator = ring(), torch.Generator().manual_seed(0)
    names = tuple(f"component-{number}" for number in range(len(mixture.weights)))
    has_labels = condition == "class"

    def draw(n: int) -> Examples:
        points, components = mixture.sample(n, generator)
        return Examples(points, components[:, None][:, : int(has_labels)])

    train, held_out = draw(N_POINTS), draw(N_POINTS // 10)
    prompts = LabelNames(names) if has_labels else None
    return TaskExamples(train, held_out, [], prompts, examples_sha256(train, held_out))
