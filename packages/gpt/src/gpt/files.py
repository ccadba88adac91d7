"""Atomic writes, and reading JSON objects with errors that name the file."""

import errno
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpt.errors import BadInput

JsonObject = dict[str, Any]
PARTIAL_SUFFIX = ".partial"
DISK_FULL = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG")}


@contextmanager
def add_path_to_errors(path: Path) -> Iterator[None]:
    """Add `path` to an OSError, since the error of a failed write does not name its file."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of `path` by `data`, or leave the file as it was.

    The bytes are written to a temporary file and synced to the disk before the file is renamed. A
    rename replaces a file in one step, so a crash at any moment leaves the old file or the new one.

    Raises:
        OSError: the disk is full or the folder cannot be written. The error names `path`, and the
            temporary file is removed.
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
    if os.name == "posix":  # sync the folder too, which holds the new name
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            with add_path_to_errors(path):
                os.fsync(folder)
        finally:
            os.close(folder)


def read_json(path: Path) -> JsonObject:
    """Read a JSON file that holds one object.

    Raises:
        BadInput: the file is missing, is not JSON, or holds a list or another value.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"there is no file {str(path)!r}") from error
    except ValueError as error:
        raise BadInput(f"{str(path)!r} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise BadInput(f"{str(path)!r} holds a {type(content).__name__} instead of a JSON object")
    return content


def expand_home(name: str) -> Path:
    """Return the path that a user typed, with `~` replaced by the home folder.

    A shell replaces `~` in `--data ~/a.txt`, but not in `--data=~/a.txt`.
    """
    try:
        return Path(name).expanduser()
    except RuntimeError:  # as in ~nobody/a.txt: no such user
        return Path(name)


def reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> JsonObject:
    """Make a JSON object, as json's `object_pairs_hook`, which would drop the first of two keys.

    Raises:
        BadInput: a key occurs twice.
    """
    content = dict(pairs)
    if len(content) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise BadInput(f"the key {name!r} occurs twice in one object")
    return content
