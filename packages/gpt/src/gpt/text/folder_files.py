"""Finding the text files in a folder, and counting the files that are skipped.

Skipped files are counted by kind, so that nobody mistakes a third of a corpus for all of it. Hidden
files and folders, such as `.git`, are skipped. Links are followed, but a file with two names is
read once; otherwise it could be trained on and held out at the same time.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from gpt.errors import BadInput

TEXT_SUFFIXES = {".jsonl", ".md", ".py", ".rst", ".txt"}


def text_files(folder: Path, notes: list[str] | None = None) -> list[Path]:
    """Return the text files in a folder and its subfolders, in the order of their paths.

    Args:
        folder: the folder to search.
        notes: a list that receives a sentence about the skipped files.

    Raises:
        BadInput: there is no text file.
    """
    files, skipped, seen = [], Counter(), set()
    for path in sorted(all_files(folder), key=Path.as_posix):
        kind = "" if path.suffix.lower() in TEXT_SUFFIXES else path.suffix.lower() or "no suffix"
        if path.name.startswith("."):
            kind = "hidden"
        elif not path.exists():
            kind = "broken link"
        elif not path.is_file():
            kind = "no file"
        elif not kind and path.resolve() in seen:
            kind = "second name of a file"
        if kind:
            skipped[kind] += 1
        else:
            seen.add(path.resolve())
            files.append(path)
    kinds = ", ".join(f"{n} {kind}" for kind, n in skipped.most_common())
    suffixes = ", ".join(sorted(TEXT_SUFFIXES))
    if not files:
        raise BadInput(
            f"folder {str(folder)!r} holds no {suffixes} file" + (f" ({kinds})" if kinds else "")
        )
    if skipped and notes is not None:
        notes.append(
            f"{len(files)} files of {str(folder)!r} are read ({suffixes}) and "
            f"{skipped.total()} are not: {kinds}"
        )
    return files


def all_files(folder: Path) -> Iterator[Path]:
    """Yield every file in a folder and its subfolders, and hidden folders instead of their files.

    Links are followed.

    Raises:
        OSError: a folder cannot be read.
    """
    entered = set()
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=raise_error):
        here = Path(parent)
        entered.add(here.resolve())  # against cycles of links
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = [
            name
            for name in sorted(set(folders) - set(hidden))
            if (here / name).resolve() not in entered
        ]
        yield from (here / name for name in names + hidden)


def raise_error(error: OSError) -> NoReturn:
    """Raise the error, as `onerror` of os.walk, which otherwise ignores errors."""
    raise error
