"""Images from the place that a user names: a folder, MNIST, CIFAR-10, or a hub data set."""

from pathlib import Path
from typing import NamedTuple

import torch

from diffusion.data.binary_files import CIFAR_FILES, cifar10, mnist
from diffusion.data.captions import rows_to_hold_out
from diffusion.data.folders import image_folder
from diffusion.data.hub import hub_images
from diffusion.data.image_set import ImageSet
from gpt.errors import BadInput
from gpt.files import expand_home

HELD_OUT_SHARE = 0.1
"""Share of images that are held out where a source has no test images of its own."""


class ImageSplit(NamedTuple):
    """Images to train on and images to test with."""

    train: ImageSet
    held_out: ImageSet


def load_images(source: str, size: int, n_channels: int = 3) -> ImageSplit:
    """Return the images of a source, in training and held-out images.

    Args:
        source: a folder of images, of MNIST's IDX files or of CIFAR-10's binary files; or
            `hub:OWNER/NAME`.
        size: width and height in pixels.
        n_channels: 3 for colour, 1 for grey.

    Raises:
        BadInput: there is no such source, or its images cannot be used.
    """
    if source.startswith("hub:"):
        return hold_out(hub_images(source.removeprefix("hub:"), size, n_channels), source)
    folder = expand_home(source)
    if folder.is_file():
        raise BadInput(f"{source!r} is a file; give the folder of the images")
    if not folder.is_dir():
        raise BadInput(
            f"there is no folder {source!r} (for a data set of the hub write hub:OWNER/NAME)"
        )
    if any(folder.glob("train-images?idx3-ubyte*")):
        parts = [mnist(folder, part, size, n_channels) for part in ("train", "t10k")]
        return ImageSplit(*parts)
    names = [name for names in CIFAR_FILES.values() for name in names]
    if any((folder / name).exists() or (folder / Path(name).stem).exists() for name in names):
        parts = [cifar10(folder, part, size, n_channels) for part in ("train", "test")]
        return ImageSplit(*parts)
    return hold_out(image_folder(folder, size, n_channels), source)


def hold_out(images: ImageSet, source: str, seed: int = 0) -> ImageSplit:
    """Hold out a tenth of the images, at least one, chosen by `seed`.

    If captions have rare words, fewer are held out, so that training has every word. Only if no
    image could be held out then, words are disregarded.

    Raises:
        BadInput: there is only one image.
    """
    if len(images) < 2:
        raise BadInput(f"{source!r} has only {len(images)} image; at least 2 are needed")
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)).tolist()
    n_held_out = max(1, round(HELD_OUT_SHARE * len(images)))
    held_out = sorted((rows_to_hold_out(images.captions, order) or order)[:n_held_out])
    train = sorted(set(order).difference(held_out))
    return ImageSplit(images.select(train), images.select(held_out))
