"""Captioned images of a data set on the Hugging Face hub (needs the extra `hub` and a network)."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import torch
from PIL import Image

from diffusion.data.folders import CAPTION_COLUMNS
from diffusion.data.image_files import check_image_options, read_readable
from diffusion.data.image_set import ImageSet
from gpt.errors import BadInput

MAX_IMAGES = 20_000
"""Images that are read, from the start of a data set; 32 x 32 pixels in colour fill 250 MB."""


def hub_images(name: str, size: int, n_channels: int = 3) -> ImageSet:
    """Return the first images of the training split of a hub data set.

    Args:
        name: OWNER/NAME, or OWNER/NAME:CONFIGURATION.
        size: width and height in pixels.
        n_channels: 3 for colour, 1 for grey.

    Raises:
        BadInput: the extra is missing, the hub cannot be reached, or the data set has no columns
            `image` and `caption` (or `text`).
    """
    check_image_options(size, n_channels)
    try:
        import datasets
        import datasets.config
    except ImportError as error:
        raise BadInput(
            "data sets of the hub need the extra hub; in a clone: "
            "uv pip install -e 'packages/diffusion[hub]'"
        ) from error
    identifier, _, configuration = name.partition(":")
    if not identifier.strip("/ "):
        raise BadInput(f"'hub:{name}' names no data set; write hub:OWNER/NAME")
    try:
        stream = datasets.load_dataset(
            identifier, configuration or None, split="train", streaming=True
        )
        # undecoded, so that a damaged image costs one row only
        rows = islice(stream.decode(False), MAX_IMAGES)
        return captioned_images(rows, identifier, size, n_channels, datasets.Image().decode_example)
    except BadInput:
        raise
    except ValueError as error:  # no such configuration, or no split called train
        raise BadInput(f"data set {identifier!r}: {str(error).splitlines()[0]}") from error
    except OSError as error:
        is_offline = " (HF_HUB_OFFLINE is set)" if datasets.config.HF_HUB_OFFLINE else ""
        raise BadInput(
            f"data set {identifier!r} cannot be reached on the hub{is_offline}; check the name and "
            "the network, or download the images and give their folder"
        ) from error


def captioned_images(
    rows: Iterable[dict[str, Any]],
    name: str,
    size: int,
    n_channels: int,
    decode: Callable[[dict], Image.Image],
) -> ImageSet:
    """Return the images of rows with an `image` and a `caption` or `text`.

    Args:
        rows: read one at a time, since images on the hub may be large.
        name: of the data set, for messages.
        size: width and height in pixels.
        n_channels: 3 for colour, 1 for grey.
        decode: opens the value of an `image` column.

    Raises:
        BadInput: there are no rows, or one lacks a column.
    """
    captions: list[str] = []

    def openers() -> Iterator[tuple[str, Callable[[], Image.Image]]]:
        for number, row in enumerate(rows, 1):
            image = row.get("image")
            caption = next((row[column] for column in CAPTION_COLUMNS if column in row), None)
            if not isinstance(image, dict) or not isinstance(caption, str) or not caption.strip():
                raise BadInput(
                    f"row {number} of data set {name!r} needs an image in the column 'image' and "
                    f"a text in 'caption' or 'text'; its columns are {', '.join(sorted(row))}"
                )
            captions.append(caption.strip())
            yield f"row {number}", partial(decode, image)

    images, kept = read_readable(openers(), f"data set {name!r}", size, n_channels)
    labels = torch.zeros(len(kept), dtype=torch.long)
    return ImageSet(images, labels, [captions[row] for row in kept], ("image",))
