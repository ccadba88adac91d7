"""The conditions under which a script measured something, printed with every report.

The scripts of this package and of `finetune` use it, so that a recorded number always says with
which command, device and versions it was measured.
"""

import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Return the device and the versions of torch and Python."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def measurement_conditions(device: torch.device, started: float) -> dict[str, Any]:
    """Return the entries that end a report: command, device, threads, minutes and versions.

    Args:
        device: the device that the work ran on.
        started: reading of `time.perf_counter` when the work began.
    """
    return {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "threads": torch.get_num_threads(),
        "minutes": round((time.perf_counter() - started) / 60, 1),
        **describe_environment(device),
    }
