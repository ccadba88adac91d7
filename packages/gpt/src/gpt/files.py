"""Files that are either whole or not there, and JSON that is either an object or refused."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpt.errors import BadInput

PARTIAL_SUFFIX = ".partial"
DISK_FULL = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG")}


@contextmanager
def add_path_to_errors(path: Path) -> Iterator[None]:
    """Add the path to an OSError; a failed write does not carry it."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` under `path`, or leave what was there.

    The bytes go to a temporary name, are synced to the disk, and only then take the final name: a
    rename replaces a file in one step, so a crash at any moment leaves the old file or the new one.

    Raises:
        OSError: the disk is full or the folder cannot be written; it names `path`, and no temporary
            file is left.
    """
    temporary = path.with_name(path.name + PARTIAL_SUFFIX)
    try:
        with add_path_to_errors(path), temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the rename itself lives in the folder, which has to reach the disk too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            with add_path_to_errors(path):
                os.fsync(folder)
        finally:
            os.close(folder)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        BadInput: the file is missing, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"there is no file {str(path)!r}") from error
    except ValueError as error:
        raise BadInput(f"{str(path)!r} is not JSON") from error
    if not isinstance(content, dict):
        raise BadInput(f"{str(path)!r} holds no JSON object")
    return content


def expand_home(name: str) -> Path:
    """The path that a user typed, with `~` for the home folder.

    A shell expands it in `--data ~/a.txt` and leaves it alone in `--data=~/a.txt`.
    """
    try:
        return Path(name).expanduser()
    except RuntimeError:  # there is no such user
        return Path(name)


def reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, as `object_pairs_hook`; of two equal keys json would drop the first.

    Raises:
        BadInput: a key is there twice.
    """
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"the key {twice!r} occurs twice in one object")
    return made
