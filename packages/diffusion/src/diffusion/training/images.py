"""The images of a task, for training and for validation."""

import hashlib
import json
from dataclasses import replace

import torch

from diffusion.data.augmentation import augment, may_flip
from diffusion.data.digits import digits
from diffusion.data.emoji import STYLES, EmojiSet, clear_names, emoji, split_pairs
from diffusion.data.image_set import ImageSet
from diffusion.data.shape_split import split_shapes
from diffusion.data.shapes import shapes
from diffusion.data.sources import load_images
from diffusion.training.options import TrainConfig

MAX_SHIFT = {32: 2, 64: 4}
"""Largest shift of an augmented copy, in pixels, by the size of the images."""
N_SHAPES = 20_000
N_HELD_OUT_SHAPES = 1_000


def load_task_images(config: TrainConfig) -> tuple[ImageSet, ImageSet]:
    """Load the images of a run for training, and others for validation.

    Raises:
        BadInput: the task has no images in this size, or the user's images cannot be read.
    """
    if config.task == "digits":
        return digits()
    if config.task == "shapes":
        return load_shapes()
    if config.task == "emoji":
        return load_emoji(config)
    assert config.data is not None
    split = load_images(config.data, config.size)
    return split.train, split.held_out


def load_shapes() -> tuple[ImageSet, ImageSet]:
    """Draw shapes in the combinations for training, and others in held-out combinations."""
    split, generator = split_shapes(), torch.Generator().manual_seed(0)
    held_out = [each.description for each in split.held_out]
    return (
        shapes(N_SHAPES, split.train, generator),
        shapes(N_HELD_OUT_SHAPES, held_out, generator),
    )


def load_emoji(config: TrainConfig) -> tuple[ImageSet, ImageSet]:
    """Load emoji in all styles, with augmented copies and held-out pairs of name and style.

    At 64 pixels there is one style, and so no pair to hold out. A model of captions is validated on
    one more augmented copy of each drawing, since it knows no words but those of training; other
    models on every tenth drawing, which training never shows.
    """
    if config.size == 64:
        drawings = emoji(STYLES[:1], 64, clear_names(config.n_names))
        rows = range(len(drawings))
        if config.stage == "clip" or (config.stage != "vae" and config.condition == "text"):
            copies = add_copies(drawings, config.copies + 1, MAX_SHIFT[64])
            n_train = config.copies * len(drawings)
            return copies.select(range(n_train)), copies.select(range(n_train, len(copies)))
        train = drawings.select([row for row in rows if row % 10])
        return add_copies(train, config.copies, MAX_SHIFT[64]), drawings.select(rows[::10])
    train, held_out = split_pairs(emoji(STYLES, 32, clear_names(config.n_names)))
    copies = add_copies(train, config.copies, MAX_SHIFT[32])
    if config.stage == "clip":  # a caption such as "fluent" would be wrong for too many images
        return copies, held_out
    return replace(copies, captions=partial_captions(train, config.copies)), held_out


def partial_captions(drawings: EmojiSet, n_copies: int) -> list[str]:
    """Return the captions of all copies; one in eight is only the name, another only the style.

    Each word then also gets a meaning of its own, which held-out pairs of name and style need.
    """
    partial = {3: drawings.names, 7: drawings.styles}
    return [
        caption for copy in range(n_copies) for caption in partial.get(copy % 8, drawings.captions)
    ]


def add_copies(images: ImageSet, n: int, max_shift: int) -> ImageSet:
    """Return n copies of each image, all but the first augmented.

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
