"""One run in several processes: which one this is, and the little they say to each other.

`torchrun --nproc-per-node 2 -m gpt train` starts the same program twice and tells each process its
number in environment variables. All hold the same model, each takes its own rows of every batch,
and what they find is added up (Li et al. 2020, PyTorch Distributed). The numbers travel through
gloo on a CPU and the gradients of graphics cards through NCCL.

A process that was started without torchrun is alone: every function here then gives back what it
was given, and costs nothing.
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
    """The number of this process; process 0 alone speaks and writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def n_processes() -> int:
    """How many there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def local_device(device: torch.device) -> torch.device:
    """The device of this process: under torchrun, a graphics card of its own.

    Raises:
        BadInput: there are too few of them.
    """
    if "LOCAL_RANK" not in os.environ or device.type == "cpu":
        return device
    number, available = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if device.type != "cuda" or number >= available:
        raise BadInput(
            f"process {number + 1} of this machine finds no {device.type} device of its own; "
            f"there are {available}: start fewer processes, or add --device cpu"
        )
    return torch.device("cuda", number)


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Meet the other processes that torchrun started, and part from them in the end.

    Raises:
        ProcessLost: one of them died or fell silent.
    """
    if any(name not in os.environ for name in VARIABLES):
        yield
        return
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
    except RuntimeError as error:  # neither gloo nor NCCL has a class of its own for it
        if isinstance(error, dist.DistError) or re.search(LOST_PROCESS_PATTERN, str(error)):
            raise_process_lost()
        raise
    finally:
        if signal.getsignal(signal.SIGTERM) is raise_process_lost:
            signal.signal(signal.SIGTERM, before)


def leave_process_group() -> None:
    """Leave the other processes; a run that fails does so when its program ends.

    By then gloo's threads must be gone: one that lets go of a tensor while Python is taken apart
    ends the process by SIGABRT, whatever its exit status would have been.
    """
    if dist.is_initialized():
        dist.destroy_process_group()


LOST_PROCESS_PATTERN = r"gloo|NCCL|[Cc]onnection|[Tt]imed? ?out|[Bb]roken pipe"


def raise_process_lost(number: int = signal.SIGTERM, frame: FrameType | None = None) -> NoReturn:
    """End, as torchrun wishes when another process has died.

    It sends SIGTERM, and half a minute later SIGKILL: what comes between is time to say so.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise ProcessLost("another process of this run was lost")


@contextmanager
def rank_zero_first() -> Iterator[bool]:
    """Let process 0 do something once while the others wait, for as long as it takes.

    Yields whether this is process 0.

    Raises:
        BadInput: process 0 failed; its own error says why.
    """
    if n_processes() == 1:
        yield True
        return
    patient: Any = dist.new_group(backend="gloo", timeout=timedelta(days=7))
    failed = torch.ones(1)
    try:
        yield rank() == 0
        failed.zero_()
    finally:
        dist.broadcast(failed, src=0, group=patient)
    if failed.item():
        raise BadInput("process 0 could not prepare the run")


def local_rows(rows: Any) -> Any:
    """This process's share of the rows of a batch: a tensor, an array or a list.

    Raises:
        BadInput: there are fewer rows than processes.
    """
    if len(rows) < n_processes():
        raise BadInput(f"a batch of {len(rows)} has too few rows for {n_processes()} processes")
    return rows[rank() :: n_processes()]


def all_reduce_sum(*numbers: float | int) -> list[float | int]:
    """Each number, summed over the processes."""
    return all_reduce(numbers, dist.ReduceOp.SUM)


def all_reduce_max(number: float | int) -> float | int:
    """The number of the process where it is largest."""
    return all_reduce((number,), dist.ReduceOp.MAX)[0]


def broadcast_from_rank_zero(number: float | int) -> float | int:
    """What process 0 says."""
    return all_reduce_sum(number if rank() == 0 else 0.0)[0]


def barrier() -> None:
    """Go on when all processes have come here."""
    all_reduce_sum(0.0)


def all_reduce(numbers: tuple[float | int, ...], how: Any) -> list[float | int]:
    """One small all-reduce in float64; all processes read the same bits."""
    if n_processes() == 1:
        return list(numbers)
    together = torch.tensor(numbers, dtype=torch.float64)
    dist.all_reduce(together, how)
    return together.tolist()


def all_gather_bytes(bits: UInt8[Tensor, " N"]) -> UInt8[Tensor, "P N"]:
    """The bytes of every process, one row each."""
    if n_processes() == 1:
        return bits[None]
    rows = [torch.empty_like(bits) for _ in range(n_processes())]
    dist.all_gather(rows, bits)
    return torch.stack(rows)


def gather_rows(mine: Shaped[Tensor, "N *D"], n_rows: int) -> Shaped[Tensor, "M *D"]:
    """The rows of all processes, `n_rows` of them, in the order they had before `local_rows`."""
    n = n_processes()
    if n == 1:
        return mine
    share = mine.new_zeros(-(-n_rows // n), *mine.shape[1:])
    share[: len(mine)] = mine
    shares = [torch.empty_like(share) for _ in range(n)]
    dist.all_gather(shares, share)
    return torch.stack(shares, dim=1).flatten(0, 1)[:n_rows]
