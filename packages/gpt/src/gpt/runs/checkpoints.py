"""A run's state on disk, such that a kill at any moment loses nothing but the steps since.

Each checkpoint is one safetensors file that is written whole or not at all, and carries a SHA-256
of what it holds. The newest two stay, and the one with the lowest validation loss; a damaged one is
passed over for the one before it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from gpt.errors import BadInput
from gpt.files import PARTIAL_SUFFIX, write_atomically


class Checkpoint(NamedTuple):
    """Tensors by name, and plain values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class DamagedCheckpoint(Exception):
    """The file is cut, or its contents are not those that were written."""


def checksum(tensors: dict[str, Tensor], values: str) -> str:
    """SHA-256 over names, formats, shapes and bytes of the tensors, and the values."""
    sha = hashlib.sha256(values.encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        sha.update(flat.view(torch.uint8).numpy().data)
    return sha.hexdigest()


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write one file; tied or sliced tensors are copied apart, as the format asks."""
    tensors = {name: value.detach().cpu().clone() for name, value in checkpoint.tensors.items()}
    values = json.dumps(checkpoint.values)
    # one entry, since the format writes several in no fixed order: equal runs make equal files
    entry = {"values": values, "sha256": checksum(tensors, values)}
    write_atomically(path, safetensors.torch.save(tensors, {"checkpoint": json.dumps(entry)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one file and verify it.

    Raises:
        Damaged: it is not what was written.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            entry = json.loads((file.metadata() or {}).get("checkpoint", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, ValueError) as error:
        raise DamagedCheckpoint(str(error)) from error
    if checksum(tensors, entry.get("values", "")) != entry.get("sha256"):
        raise DamagedCheckpoint("the checksum does not match")
    return Checkpoint(tensors, json.loads(entry["values"]))


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(folder.glob("step-*.safetensors"))


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step-{step:08d}.safetensors"


def save_checkpoint(folder: Path, step: int, checkpoint: Checkpoint) -> None:
    """Add the checkpoint of `step`, then remove what is no longer needed.

    What stays: the newest two, and `best_step` of the checkpoint's values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_checkpoint(checkpoint_path(folder, step), checkpoint)
    best = checkpoint_path(folder, checkpoint.values["best_step"])
    for old in checkpoint_files(folder)[:-2]:
        if old != best:
            old.unlink()
    for cut in folder.glob(f"*{PARTIAL_SUFFIX}"):
        cut.unlink()


def newest_checkpoint(folder: Path) -> tuple[Checkpoint, list[str]] | None:
    """The newest checkpoint that is whole, and a sentence for each newer one that is not.

    None where the folder has no checkpoint yet.

    Raises:
        BadInput: there are checkpoints, and every one is damaged.
    """
    files, messages = checkpoint_files(folder), []
    for path in reversed(files):
        try:
            return read_checkpoint(path), messages
        except DamagedCheckpoint as error:
            messages.append(f"{str(path)!r} is damaged ({error}); using the checkpoint before it")
    if files:
        raise BadInput(f"every checkpoint in {str(folder)!r} is damaged; train again")
    return None


def best_checkpoint(folder: Path) -> Checkpoint:
    """The whole checkpoint with the lowest validation loss; the newest if that one is damaged.

    Raises:
        BadInput: there is no whole checkpoint.
    """
    found = newest_checkpoint(folder)
    if found is None:
        raise BadInput(f"there is no checkpoint in {str(folder)!r}; train for at least one step")
    newest, _ = found
    try:
        return read_checkpoint(checkpoint_path(folder, newest.values["best_step"]))
    except (DamagedCheckpoint, FileNotFoundError):
        return newest
