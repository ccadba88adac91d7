"""The data of a run as tensors: what is to be generated, and its condition as ids."""

import hashlib
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffusion.data.digits import DIGIT_NAMES
from diffusion.data.emoji import GROUPS
from diffusion.data.image_set import ImageSet
from diffusion.flow.mixture import ring
from diffusion.model.flow_model import ConditionKind
from diffusion.training.images import load_task_images
from diffusion.training.options import TrainConfig
from diffusion.vae.vae import VAE
from gpt.errors import BadInput

N_POINTS = 20_000
POINT_NAMES = tuple(f"component-{number}" for number in range(len(ring().weights)))


class Examples(NamedTuple):
    """Data to generate, with the condition of each example."""

    x: Float[Tensor, "N *D"]
    condition: Int[Tensor, "N T"]
    """Ids of the label; no ids for an unconditional model."""


class TaskExamples(NamedTuple):
    """The examples of a run for training and for validation."""

    train: Examples
    held_out: Examples
    label_names: tuple[str, ...]
    """Names of the classes."""

    def sha256(self) -> str:
        """Return the checksum of everything that training reads."""
        sha = hashlib.sha256()
        for tensor in (*self.train, *self.held_out):
            sha.update(tensor.contiguous().numpy().tobytes())
        return sha.hexdigest()


def load_examples(config: TrainConfig, vae: VAE | None = None) -> TaskExamples:
    """Load the data of a run; with an autoencoder, as its scaled latents.

    Raises:
        BadInput: the task does not have this kind of condition.
    """
    if config.task == "flow2d":
        return ring_examples(config.condition)
    images = load_task_images(config)
    train, held_out = (
        Examples(
            each.images if vae is None else encode_images(vae, each.images),
            condition_ids(each, config.condition),
        )
        for each in images
    )
    return TaskExamples(train, held_out, images[0].label_names)


@torch.no_grad()
def encode_images(
    vae: VAE, images: Float[Tensor, "N C height width"], batch_size: int = 256
) -> Float[Tensor, "N Z h w"]:
    """Return the scaled latents of images."""
    return torch.cat([vae.encode_scaled(batch) for batch in images.split(batch_size)])


def condition_ids(images: ImageSet, condition: ConditionKind) -> Int[Tensor, "N T"]:
    """Return the condition of each image as ids."""
    if condition == "class":
        return images.labels[:, None]
    if condition == "none":
        return torch.zeros(len(images), 0, dtype=torch.long)
    raise BadInput("condition must be none or class for this task, got text")


def ring_examples(condition: ConditionKind) -> TaskExamples:
    """Return points from a ring of normal distributions, which are the classes."""
    mixture, generator = ring(), torch.Generator().manual_seed(0)
    if condition == "text":
        raise BadInput("points have no captions; condition must be none or class, got text")

    def draw(n: int) -> Examples:
        points, components = mixture.sample(n, generator)
        ids = components[:, None] if condition == "class" else torch.zeros(n, 0, dtype=torch.long)
        return Examples(points, ids)

    return TaskExamples(draw(N_POINTS), draw(N_POINTS // 10), POINT_NAMES)


def load_label_names(task: str) -> tuple[str, ...]:
    """Return the names of the classes of a task."""
    return {"flow2d": POINT_NAMES, "digits": DIGIT_NAMES, "emoji": GROUPS}[task]
