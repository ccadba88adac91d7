"""MNIST and CIFAR-10 from their files: plain bytes, read without unpickling anything.

MNIST (and Fashion-MNIST): IDX files, a header of big-endian numbers, then one byte per pixel; with
or without .gz. CIFAR-10: the binary version, records of one label and 3 x 32 x 32 pixels.
"""

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from diffusion.data.digits import DIGIT_NAMES
from diffusion.data.image_files import check_image_options, resize_images
from diffusion.data.image_set import ImageSet
from gpt.errors import BadInput

CIFAR_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR_PIXELS = 3 * 32 * 32
CIFAR_FILES = {
    "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
    "test": ["test_batch.bin"],
}
UNSIGNED_BYTES = 8
"""Type of the numbers in the IDX files of MNIST, from the third byte of the header."""


def read_idx(path: Path, n_axes: int) -> Tensor:
    """Return the bytes of an IDX file in their shape.

    Raises:
        BadInput: the file is damaged, or has another type or number of axes.
    """
    data = path.read_bytes()
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(f"{str(path)!r} is not a gzip file: {error}") from error
    if data[:4] != bytes([0, 0, UNSIGNED_BYTES, n_axes]):
        raise BadInput(
            f"{str(path)!r} is not an IDX file of bytes with {n_axes} axes; it begins with "
            f"{data[:4].hex()!r}"
        )
    start = 4 + 4 * n_axes
    shape = np.frombuffer(data[4:start].ljust(4 * n_axes, b"\0"), ">u4").tolist()
    if len(data) - start != np.prod(shape):
        raise BadInput(
            f"{str(path)!r} announces {' x '.join(map(str, shape))} bytes, but has "
            f"{len(data) - start}"
        )
    return torch.from_numpy(np.frombuffer(data[start:], np.uint8).reshape(shape).copy())


def find_idx(folder: Path, name: str, kind: str) -> Path:
    """Return an IDX file such as train-images-idx3-ubyte, with or without .gz."""
    for separator in "-.":
        for suffix in ("", ".gz"):
            path = folder / f"{name}{separator}{kind}-ubyte{suffix}"
            if path.is_file():
                return path
    raise BadInput(
        f"there is no file {name}-{kind}-ubyte or {name}-{kind}-ubyte.gz in {str(folder)!r}"
    )


def mnist(folder: Path, part: str, size: int = 28, n_channels: int = 1) -> ImageSet:
    """Return the digits "train" or "t10k" (for tests) of the IDX files in a folder.

    Raises:
        BadInput: a file is missing or damaged, or images and labels do not fit together.
    """
    check_image_options(size, n_channels)
    pixels = read_idx(find_idx(folder, f"{part}-images", "idx3"), 3)
    labels = read_idx(find_idx(folder, f"{part}-labels", "idx1"), 1).long()
    if len(pixels) != len(labels) or not len(labels) or labels.max() >= len(DIGIT_NAMES):
        raise BadInput(
            f"{len(pixels)} images and {len(labels)} labels in {str(folder)!r} do not fit "
            "together; there must be one label from 0 to 9 per image"
        )
    images = rearrange(pixels, "N height width -> N 1 height width").float() / 127.5 - 1
    captions = [DIGIT_NAMES[label] for label in labels]
    return ImageSet(resize_images(images, size, n_channels), labels, captions, DIGIT_NAMES)


def cifar10(folder: Path, part: str, size: int = 32, n_channels: int = 3) -> ImageSet:
    """Return the images "train" or "test" of the binary version of CIFAR-10 in a folder.

    Raises:
        BadInput: a file is missing or damaged.
    """
    check_image_options(size, n_channels)
    records = []
    for name in CIFAR_FILES[part]:
        path = folder / name
        if not path.is_file():
            raise BadInput(
                f"there is no file {str(path)!r}; CIFAR-10 is read from its binary version "
                "(cifar-10-binary.tar.gz), never from the pickle version for Python"
            )
        data = np.fromfile(path, np.uint8)
        n_bytes = CIFAR_PIXELS + 1
        if not len(data) or len(data) % n_bytes or data[::n_bytes].max() >= len(CIFAR_NAMES):
            raise BadInput(
                f"{str(path)!r} is not a file of CIFAR-10: its {len(data)} bytes are not records "
                f"of a label from 0 to 9 and {CIFAR_PIXELS} pixels"
            )
        records.append(data.reshape(-1, n_bytes))
    table = torch.from_numpy(np.concatenate(records))
    pattern = "N (C height width) -> N C height width"
    images = rearrange(table[:, 1:], pattern, C=3, height=32).float() / 127.5 - 1
    labels = table[:, 0].long()
    captions = [CIFAR_NAMES[label] for label in labels]
    return ImageSet(resize_images(images, size, n_channels), labels, captions, CIFAR_NAMES)
