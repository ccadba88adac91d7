"""Your own images: a folder with one sub-folder per class, a table of captions, or just files.

photos/cat/1.png  photos/dog/7.jpg        the class is the sub-folder, and so is the caption
photos/captions.csv                       columns file and caption
photos/metadata.jsonl                     the same columns, one object per line
photos/a red apple.png                    the caption is the file name
"""

import csv
import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from diffusion.data.image_files import check_image_options, read_readable
from diffusion.data.image_set import ImageSet
from gpt.errors import BadInput
from gpt.files import reject_duplicate_keys

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
TABLES = ("captions.csv", "metadata.jsonl")
FILE_COLUMNS = ("file", "file_name")
"""Names of the column with the path; the second is that of hub data sets."""
CAPTION_COLUMNS = ("caption", "text")
"""Names of the column with the caption."""


class CaptionedFile(NamedTuple):
    """An image file, its caption, and the name of its class."""

    path: Path
    caption: str
    label: str


def image_folder(folder: Path, size: int, n_channels: int = 3) -> ImageSet:
    """Return the images of a folder; files that cannot be read are counted and named.

    Args:
        folder: laid out in one of the ways above.
        size: width and height in pixels.
        n_channels: 3 for colour, 1 for grey.

    Raises:
        BadInput: the folder has no images, or a table of captions does not fit the files.
    """
    check_image_options(size, n_channels)
    found = captioned_files(folder)
    label_names = tuple(sorted({each.label for each in found}))
    images, kept = read_readable(
        [(str(each.path.relative_to(folder)), partial(Image.open, each.path)) for each in found],
        repr(str(folder)),
        size,
        n_channels,
    )
    labels = torch.tensor([label_names.index(found[row].label) for row in kept])
    return ImageSet(images, labels, [found[row].caption for row in kept], label_names)


def captioned_files(folder: Path) -> list[CaptionedFile]:
    """Return the image files of a folder in the order of their paths, or in that of the table."""
    tables = [folder / name for name in TABLES if (folder / name).is_file()]
    if len(tables) > 1:
        raise BadInput(f"{str(folder)!r} has both {' and '.join(TABLES)}; keep one of them")
    if tables:
        return table_rows(tables[0])
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise BadInput(
            f"there are no images in {str(folder)!r}; files must end in {', '.join(SUFFIXES)}"
        )
    inside = [path for path in paths if path.parent != folder]
    if inside and len(inside) < len(paths):
        [outside, *_] = [path for path in paths if path.parent == folder]
        raise BadInput(
            f"{str(folder)!r} has images in sub-folders (classes) and outside of them, such as "
            f"{outside.name!r}; move all into sub-folders, or none"
        )
    if inside:
        names = [str(path.relative_to(folder).parts[0]) for path in paths]
        return [CaptionedFile(p, spaced(name), name) for p, name in zip(paths, names, strict=True)]
    return [CaptionedFile(path, spaced(path.stem), "image") for path in paths]


def spaced(name: str) -> str:
    """Return a file name as words: "red_apple-2" becomes "red apple 2"."""
    return " ".join(name.replace("_", " ").replace("-", " ").split())


def table_rows(table: Path) -> list[CaptionedFile]:
    """Return the files and captions of a table.

    Raises:
        BadInput: a column is missing or unknown, a file is missing or outside the folder, or a
            caption is empty.
    """
    rows = list(csv_rows(table) if table.suffix == ".csv" else jsonl_rows(table))
    if not rows:
        raise BadInput(f"{str(table)!r} has no rows")
    files = []
    for number, row in rows:
        place = f"line {number} of {str(table)!r}"
        unknown = [str(name) for name in row if name not in FILE_COLUMNS + CAPTION_COLUMNS]
        if unknown:
            raise BadInput(
                f"{place}: unknown columns {', '.join(unknown)}; a table has {FILE_COLUMNS[0]} and "
                f"{CAPTION_COLUMNS[0]}"
            )
        file = next((row[name] for name in FILE_COLUMNS if name in row), None)
        caption = next((row[name] for name in CAPTION_COLUMNS if name in row), None)
        if not isinstance(file, str) or not isinstance(caption, str) or not caption.strip():
            raise BadInput(f"{place}: a row needs a file and a caption with text, got {row!r:.80}")
        path = table.parent / file
        if not path.resolve().is_relative_to(table.parent.resolve()):
            raise BadInput(f"{place}: {file!r} is outside the folder of the table")
        if not path.is_file():
            raise BadInput(f"{place}: there is no file {str(path)!r}")
        files.append(CaptionedFile(path, caption.strip(), "image"))
    return files


def csv_rows(table: Path) -> Iterable[tuple[int, dict]]:
    """Yield the rows of a CSV file with a header, each with its line number."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="(no name)", strict=True)
            for row in reader:
                yield reader.line_num, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadInput(f"{str(table)!r} is not a CSV file in UTF-8: {error}") from error


def jsonl_rows(table: Path) -> Iterable[tuple[int, dict]]:
    """Yield the objects of a JSONL file, each with its line number."""
    for number, line in enumerate(table.read_bytes().split(b"\n"), 1):
        if line.strip():
            try:
                row = json.loads(line, object_pairs_hook=reject_duplicate_keys)
            except (ValueError, RecursionError) as error:
                raise BadInput(f"line {number} of {str(table)!r} is not JSON: {error}") from error
            if not isinstance(row, dict):
                raise BadInput(f"line {number} of {str(table)!r} is not a JSON object: {row!r:.40}")
            yield number, row
