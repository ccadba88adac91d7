"""Weights in a JSON file, with all digits of every number, so that reading restores each bit."""

import json
import math
import os
from pathlib import Path
from typing import Any

from handcalc.calculation import is_list
from handcalc.model.transformer import BLOCKS
from handcalc.model.weights import Shape, weight_sizes

PARTIAL = ".partial"


def load_weights(path: Path) -> dict[str, Any]:
    """Return the content of a file: `shape`, `block`, `weights` and any further entries.

    Raises:
        ValueError: the file holds no weights, or their sizes do not match the shape it names.
        OSError: the file cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        shape, block, weights = Shape(**content["shape"]), content["block"], content["weights"]
        found = {name: tensor_size(tensor) for name, tensor in weights.items()}
        matches = block in BLOCKS and found == weight_sizes(shape, block)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{str(path)!r} is not a file of weights") from error
    if not matches:
        raise ValueError(f"the weights in {str(path)!r} do not have the shape that the file names")
    return content


def tensor_size(tensor: Any) -> tuple[int, ...]:
    """Return (length,) of a vector, (rows, columns) of a matrix.

    Raises:
        TypeError: the value is neither, or holds a number that is not a finite float.
    """
    if not is_list(tensor):
        raise TypeError(f"{tensor!r} is neither a vector nor a matrix")
    if all(isinstance(number, float) and math.isfinite(number) for number in tensor):
        return (len(tensor),)
    widths = {tensor_size(row)[0] for row in tensor}
    if len(widths) != 1:
        raise TypeError(f"rows of different lengths: {sorted(widths)}")
    return (len(tensor), *widths)


def replace_file(path: Path, text: str) -> None:
    """Write a file in one step: after a crash it holds the old text or the new one."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
