"""The text files below a folder, and a count of the other files there.

A file that is not read is counted by kind, so that nobody takes a third of a corpus for all of it.
Hidden files and folders, such as `.git`, are not read. Links are followed; a file with two names is
read once, or it could be trained on and held out at the same time.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from gpt.errors import BadInput

TEXT_SUFFIXES = {".jsonl", ".md", ".py", ".rst", ".txt"}


def text_files(folder: Path, notes: list[str] | None = None) -> list[Path]:
    """The text files below a folder, in the order of their paths.

    Args:
        folder: is searched with all folders below it.
        notes: where given, a sentence about the files that are not read is added.

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
    """Every file below a folder, also behind links; and hidden folders, which are not entered.

    Raises:
        OSError: a folder cannot be read.
    """
    entered = set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=raise_error):
        here = Path(place)
        entered.add(here.resolve())  # stops cycles of links
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = [
            name
            for name in sorted(set(folders) - set(hidden))
            if (here / name).resolve() not in entered
        ]
        yield from (here / name for name in names + hidden)


def raise_error(error: OSError) -> NoReturn:
    """Raise what os.walk would pass over."""
    raise error
