"""Pixels of image files: scaled until the shorter side fits, cropped at the centre, in [-1, 1]."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange, reduce, repeat
from jaxtyping import Float
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from gpt.errors import BadInput
from gpt.runs.progress import report_message

CHANNEL_MODES = {1: "L", 3: "RGB"}
N_SHOWN = 3
"""Unreadable images that a message names."""
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""Pillow's errors for files that are damaged, or are not images."""


def check_image_options(size: int, n_channels: int) -> None:
    """Refuse sizes and channels that no image has.

    Raises:
        BadInput: the size is below 1, or there are neither 1 nor 3 channels.
    """
    if size < 1:
        raise BadInput(f"size must be at least 1 pixel, got {size}")
    if n_channels not in CHANNEL_MODES:
        raise BadInput(f"n_channels must be 3 (colour) or 1 (grey), got {n_channels}")


def read_readable(
    openers: Iterable[tuple[str, Callable[[], Image.Image]]],
    source: str,
    size: int,
    n_channels: int,
) -> tuple[Float[Tensor, "N C height width"], list[int]]:
    """Return the images that can be read and their places; the others are counted and named.

    Args:
        openers: for each image a name for messages and a function that opens it.
        source: name of the whole for messages.
        size: width and height in pixels.
        n_channels: 3 for colour, 1 for grey.

    Raises:
        BadInput: no image can be read.
    """
    images, kept, unreadable = [], [], []
    for row, (name, opener) in enumerate(openers):
        try:
            with opener() as image:
                images.append(image_to_tensor(image, size, n_channels))
            kept.append(row)
        except UNREADABLE as error:
            reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
            unreadable.append(f"{name} ({reason})")
    names = ", ".join(unreadable[:N_SHOWN]) + (", ..." if len(unreadable) > N_SHOWN else "")
    if not images:
        raise BadInput(f"none of {len(unreadable)} images in {source} can be read: {names}")
    if unreadable:
        n = len(images) + len(unreadable)
        report_message(
            f"{len(unreadable)} of {n} images in {source} cannot be read and are left out: {names}"
        )
    return torch.stack(images), kept


def image_to_tensor(
    image: Image.Image, size: int, n_channels: int
) -> Float[Tensor, "C height width"]:
    """Return an image in [-1, 1], turned as its camera was held, scaled, cropped and on white."""
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    fitted = ImageOps.fit(
        image.convert(CHANNEL_MODES[n_channels]), (size, size), Image.Resampling.LANCZOS
    )
    pixels = torch.from_numpy(np.array(fitted)).float() / 127.5 - 1
    pattern = (
        "height width C -> C height width" if n_channels == 3 else "height width -> 1 height width"
    )
    return rearrange(pixels, pattern)


def resize_images(
    images: Float[Tensor, "N C height width"], size: int, n_channels: int
) -> Float[Tensor, "N channels size size"]:
    """Return square images of a data set in another size, grey or in colour."""
    if images.shape[-1] != size:
        images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
    if images.shape[1] > n_channels:
        return reduce(images, "N C height width -> N 1 height width", "mean")
    if images.shape[1] < n_channels:
        return repeat(images, "N 1 height width -> N C height width", C=n_channels)
    return images
