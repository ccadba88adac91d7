"""Checkpoints: a kill at any moment loses only the steps since the last one.

Each checkpoint is one safetensors file, which is written atomically and carries a SHA-256 of its
contents. The newest two are kept, and the one with the lowest validation loss. If a checkpoint is
damaged, the one before it is used.
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
    """State of a run: tensors by name, and plain values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class DamagedCheckpoint(Exception):
    """The file is truncated, or its contents do not match their checksum."""


def checksum(tensors: dict[str, Tensor], values: str) -> str:
    """Return the SHA-256 of names, dtypes, shapes and bytes of the tensors, and of the values."""
    sha = hashlib.sha256(values.encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        sha.update(flat.view(torch.uint8).numpy().data)
    return sha.hexdigest()


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write one file; tensors that share memory are copied, because the format requires it."""
    tensors = {name: value.detach().cpu().clone() for name, value in checkpoint.tensors.items()}
    values = json.dumps(checkpoint.values)
    # one entry, because the order of several is not fixed and equal runs should make equal files
    entry = {"values": values, "sha256": checksum(tensors, values)}
    write_atomically(path, safetensors.torch.save(tensors, {"checkpoint": json.dumps(entry)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one file and verify its checksum.

    Raises:
        DamagedCheckpoint: the file is truncated, or its contents changed.
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
    """Return the checkpoint files of a folder, oldest first."""
    return sorted(folder.glob("step-*.safetensors"))


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the path of a step's checkpoint."""
    return folder / f"step-{step:08d}.safetensors"


def save_checkpoint(folder: Path, step: int, checkpoint: Checkpoint) -> None:
    """Write the checkpoint of a step, then remove all but the newest two and the best.

    The best is that of the step `best_step` in the checkpoint's values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_checkpoint(checkpoint_path(folder, step), checkpoint)
    best = checkpoint_path(folder, checkpoint.values["best_step"])
    for old in checkpoint_files(folder)[:-2]:
        if old != best:
            old.unlink()
    for partial in folder.glob(f"*{PARTIAL_SUFFIX}"):
        partial.unlink()


def newest_checkpoint(folder: Path) -> tuple[Checkpoint, list[str]] | None:
    """Return the newest intact checkpoint, and a message for each newer one that is damaged.

    Returns None if the folder has no checkpoint yet.

    Raises:
        BadInput: there are checkpoints, but every one is damaged.
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


def last_checkpoint(folder: Path) -> Checkpoint:
    """Return the newest intact checkpoint.

    Raises:
        BadInput: there is none.
    """
    found = newest_checkpoint(folder)
    if found is None:
        raise BadInput(f"there is no checkpoint in {str(folder)!r}; train for at least one step")
    return found[0]


def best_checkpoint(folder: Path) -> Checkpoint:
    """Return the checkpoint with the lowest validation loss, or the newest if it is damaged.

    Raises:
        BadInput: there is no intact checkpoint.
    """
    newest = last_checkpoint(folder)
    try:
        return read_checkpoint(checkpoint_path(folder, newest.values["best_step"]))
    except (DamagedCheckpoint, FileNotFoundError):
        return newest
