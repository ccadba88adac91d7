"""The images of a task, for training and for validation."""

import hashlib
import json

import torch

from diffusion.data.augmentation import augment, may_flip
from diffusion.data.digits import digits
from diffusion.data.emoji import STYLES, clear_names, emoji, split_pairs
from diffusion.data.image_set import ImageSet
from diffusion.training.options import TrainConfig
from gpt.errors import BadInput

MAX_SHIFT = {32: 2, 64: 4}
"""Largest shift of an augmented copy, in pixels, by the size of the images."""


def load_task_images(config: TrainConfig) -> tuple[ImageSet, ImageSet]:
    """Load the images of a run for training, with augmented copies, and for validation.

    Raises:
        BadInput: the task has no images, or not in this size.
    """
    if config.task == "digits":
        return digits()
    if config.task == "emoji":
        return load_emoji(config)
    raise BadInput(f"the task {config.task} has no images")


def load_emoji(config: TrainConfig) -> tuple[ImageSet, ImageSet]:
    """Load emoji in all styles, with held-out pairs of name and style for validation."""
    styles = STYLES if config.size == 32 else STYLES[:1]
    drawings = emoji(styles, config.size, clear_names(config.n_names))
    train, held_out = split_pairs(drawings)
    return add_copies(train, config.copies, MAX_SHIFT[config.size]), held_out


def add_copies(images: ImageSet, n: int, max_shift: int) -> ImageSet:
    """Append n - 1 augmented copies of each image.

    The copies are made once and not in each step, so that their latents can be computed once.
    """
    generator = torch.Generator().manual_seed(0)
    flippable = may_flip(images.captions)
    copies = [augment(images.images, generator, flippable, max_shift) for _ in range(n - 1)]
    return ImageSet(
        torch.cat([images.images, *copies]),
        images.labels.repeat(n),
        images.captions * n,
        images.label_names,
    )


def images_sha256(*sets: ImageSet) -> str:
    """Return the checksum of images, labels and captions."""
    sha = hashlib.sha256()
    for each in sets:
        sha.update(each.images.contiguous().numpy().tobytes())
        sha.update(json.dumps([each.labels.tolist(), each.captions]).encode())
    return sha.hexdigest()
