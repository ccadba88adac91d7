"""Where to compute."""

import platform
import shutil
from typing import Any

import torch
from torch import Tensor

from gpt.errors import BadInput


def pick_device(name: str) -> torch.device:
    """The device called `name`; `auto` is a CUDA or ROCm card, Apple's GPU, or the CPU, in turn.

    Raises:
        BadInput: this machine has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        torch.zeros(1, device=name).item()  # some names are known to torch and cannot compute
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise BadInput(f"there is no device {name!r} here; try auto or cpu") from error
    return torch.device(name)


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Device and versions, which every measurement reports with its numbers."""
    return {
        "device": str(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def is_eager_cpu(x: Tensor) -> bool:
    """Whether work on x is done at once, on a CPU, in its 32 or 64 bits: ways of our own fit."""
    changed = torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu")
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and not changed


def has_compiler() -> bool:
    """Whether torch.compile finds a C++ compiler here."""
    return any(map(shutil.which, ("c++", "g++", "clang++", "cl")))
