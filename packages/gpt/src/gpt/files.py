"""Files that are either whole or not there."""

import os
from pathlib import Path

PARTIAL = ".partial"


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` under `path`, or leave what was there.

    The bytes go to a temporary name, are synced to the disk, and only then take the final name: a
    rename replaces a file in one step, so a crash at any moment leaves the old file or the new one.

    Raises:
        OSError: the disk is full or the folder cannot be written; no temporary file is left.
    """
    temporary = path.with_name(path.name + PARTIAL)
    try:
        with temporary.open("wb") as file:
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
            os.fsync(folder)
        finally:
            os.close(folder)
