"""Choosing a device, and what it can do."""

import shutil

import torch
from torch import Tensor

from gpt.errors import BadInput


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` is a CUDA or ROCm GPU, else Apple's, else the CPU.

    Raises:
        BadInput: this machine has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        torch.zeros(1, device=name).item()  # torch also knows names of devices without kernels
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise BadInput(f"this machine has no device {name!r}; try auto or cpu") from error
    return torch.device(name)


def is_eager_cpu(x: Tensor) -> bool:
    """Whether our CPU kernels apply to x: eager mode, 32 or 64 bits, and no autocast."""
    changed = torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu")
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and not changed


def has_compiler() -> bool:
    """Whether this machine has a C++ compiler, which torch.compile needs on a CPU."""
    return any(map(shutil.which, ("c++", "g++", "clang++", "cl")))
