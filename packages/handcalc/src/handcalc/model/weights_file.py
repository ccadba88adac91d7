"""Weights in a file: JSON with every number in full, so what is read is what was written."""

import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from handcalc.model.blocks import BLOCKS
from handcalc.model.weights import Shape, sizes
from handcalc.operations.matrices import is_list

PARTIAL = ".partial"


def save_weights(
    path: Path, shape: Shape, block: str, weights: dict[str, Any], **more: Any
) -> None:
    """Write the weights, and whatever else belongs to them."""
    content = {"shape": asdict(shape), "block": block, "weights": weights, **more}
    write_whole(path, json.dumps(content, allow_nan=False))


def load_weights(path: Path) -> dict[str, Any]:
    """What `save_weights` wrote.

    Raises:
        ValueError: the file is not one of weights, or they do not have the shape it names.
        OSError: it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        shape, block, weights = Shape(**content["shape"]), content["block"], content["weights"]
        found = {name: size_of(tensor) for name, tensor in weights.items()}
        whole = block in BLOCKS and found == sizes(shape, block)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{str(path)!r} is not a file of weights") from error
    if not whole:
        raise ValueError(f"the weights in {str(path)!r} do not have the shape that it names")
    return content


def size_of(tensor: Any) -> tuple[int, ...]:
    """Numbers of a vector; rows and columns of a matrix.

    Raises:
        TypeError: something else.
    """
    if not is_list(tensor):
        raise TypeError(f"{tensor!r} is no vector or matrix")
    if all(isinstance(number, float) and math.isfinite(number) for number in tensor):
        return (len(tensor),)
    widths = {size_of(row)[0] for row in tensor}
    if len(widths) != 1:
        raise TypeError(f"rows of {sorted(widths)} numbers are no matrix")
    return (len(tensor), *widths)


def write_whole(path: Path, text: str) -> None:
    """Put the text under its name in one step: a crash leaves the old file, or the new one."""
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
