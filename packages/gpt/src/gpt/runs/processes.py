"""Data-parallel training in several processes: their ranks, and the messages between them.

`torchrun --nproc-per-node 2 -m gpt train` starts the same program twice and passes each process its
rank in environment variables. All processes hold the same model, each takes its own rows of every
batch, and the gradients are averaged (Li et al. 2020, PyTorch Distributed). Messages go through
gloo on a CPU; gradients on GPUs go through NCCL.

Without torchrun there is one process, and every function here returns its argument at no cost.
"""

import atexit
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from jaxtyping import Shaped, UInt8
from torch import Tensor

from gpt.errors import BadInput, ProcessLost

TIMEOUT = timedelta(minutes=5)  # longer than any step, validation or checkpoint should take
VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def rank() -> int:
    """Return the number of this process; only process 0 prints and writes files."""
    return dist.get_rank() if dist.is_initialized() else 0


def n_processes() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def local_device(device: torch.device) -> torch.device:
    """Return the device of this process: under torchrun, a GPU of its own.

    Raises:
        BadInput: the machine has fewer GPUs than processes.
    """
    if "LOCAL_RANK" not in os.environ or device.type == "cpu":
        return device
    number, available = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if device.type != "cuda" or number >= available:
        raise BadInput(
            f"process {number + 1} of this machine finds no {device.type} device of its own: "
            f"there are {available}; start fewer processes, or add --device cpu"
        )
    return torch.device("cuda", number)


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the process group of torchrun, and leave it at the end.

    Raises:
        ProcessLost: another process died or did not answer.
    """
    if any(name not in os.environ for name in VARIABLES):
        yield
        return
    # its functions' defaults are the group of the moment of import, and would keep it alive
    import torch.distributed.nn.functional

    if device.type == "cuda":
        torch.cuda.set_device(device)
    before = signal.signal(signal.SIGTERM, raise_process_lost)
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT
        )
        atexit.register(leave_process_group)
        yield
        leave_process_group()
    except RuntimeError as error:  # neither gloo nor NCCL has an error class for it
        if isinstance(error, dist.DistError) or re.search(LOST_PROCESS_PATTERN, str(error)):
            raise_process_lost()
        raise
    finally:
        if signal.getsignal(signal.SIGTERM) is raise_process_lost:
            signal.signal(signal.SIGTERM, before)


def leave_process_group() -> None:
    """Leave torch's process group, if there is one; called as a failed run exits.

    That ends gloo's threads, if nothing else holds the group. Otherwise one of them might free a
    tensor while Python shuts down, which ends the process by SIGABRT instead of its exit status.
    """
    if dist.is_initialized():
        dist.destroy_process_group()


LOST_PROCESS_PATTERN = r"gloo|NCCL|[Cc]onnection|[Tt]imed? ?out|[Bb]roken pipe"


def raise_process_lost(number: int = signal.SIGTERM, frame: FrameType | None = None) -> NoReturn:
    """Raise ProcessLost; the handler of SIGTERM, which torchrun sends when a process has died.

    Further SIGTERMs are ignored, so that the error can be reported before the SIGKILL that follows
    after half a minute.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise ProcessLost("another process of this run was lost")


@contextmanager
def rank_zero_first() -> Iterator[bool]:
    """Run the body of the context in process 0 first, while the others wait without a timeout.

    Yields whether this is process 0.

    Raises:
        BadInput: process 0 failed; it reports the reason itself.
    """
    if n_processes() == 1:
        yield True
        return
    waiting: Any = dist.new_group(backend="gloo", timeout=timedelta(days=7))
    failed = torch.ones(1)
    try:
        yield rank() == 0
        failed.zero_()
    finally:
        dist.broadcast(failed, src=0, group=waiting)
    if failed.item():
        raise BadInput("process 0 could not prepare the run")


def local_rows(rows: Any) -> Any:
    """Return the rows of a batch (a tensor, an array or a list) that belong to this process.

    Raises:
        BadInput: there are fewer rows than processes.
    """
    if len(rows) < n_processes():
        raise BadInput(f"a batch of {len(rows)} has too few rows for {n_processes()} processes")
    return rows[rank() :: n_processes()]


def all_reduce(*numbers: float | int, how: Any = dist.ReduceOp.SUM) -> list[float | int]:
    """Return each number, summed over the processes in float64; all processes get the same bits."""
    if n_processes() == 1:
        return list(numbers)
    reduced = torch.tensor(numbers, dtype=torch.float64)
    dist.all_reduce(reduced, how)
    return reduced.tolist()


def all_reduce_max(number: float | int) -> float | int:
    """Return the largest of the processes' numbers."""
    return all_reduce(number, how=dist.ReduceOp.MAX)[0]


def barrier() -> None:
    """Wait until all processes have reached this call."""
    all_reduce(0.0)


def all_gather_bytes(bits: UInt8[Tensor, " N"]) -> UInt8[Tensor, "P N"]:
    """Return the bytes of all processes, one row per process."""
    if n_processes() == 1:
        return bits[None]
    rows = [torch.empty_like(bits) for _ in range(n_processes())]
    dist.all_gather(rows, bits)
    return torch.stack(rows)


def gather_rows(local: Shaped[Tensor, "N *D"], n_rows: int) -> Shaped[Tensor, "M *D"]:
    """Return the `n_rows` rows of all processes, in the order that they had before `local_rows`."""
    n = n_processes()
    if n == 1:
        return local
    padded = local.new_zeros(-(-n_rows // n), *local.shape[1:])
    padded[: len(local)] = local
    gathered = [torch.empty_like(padded) for _ in range(n)]
    dist.all_gather(gathered, padded)
    return torch.stack(gathered, dim=1).flatten(0, 1)[:n_rows]
