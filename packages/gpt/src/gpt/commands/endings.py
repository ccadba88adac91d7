"""The ways in which a training ends before its last step, and what is said of them."""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from gpt.errors import ProcessLost, RunFailed
from gpt.runs import RunFolder
from gpt.training.loop import Record
from gpt.training.processes import n_processes


def again(folder: RunFolder, command: str) -> str:
    """The command that goes on with a run; `command` is the program and its verb."""
    n = n_processes()
    start = command if n == 1 else f"torchrun --nproc-per-node {n} -m {command}"
    return f"{start} --resume {folder.path}"


@contextmanager
def ended(loop: Generator[Record, None, None]) -> Iterator[None]:
    """Close the loop, which saves; but after an error of one process, the others cannot help."""
    try:
        yield
    except BaseException as error:
        if n_processes() > 1:
            loop.throw(error)
        raise
    finally:
        loop.close()


@contextmanager
def losses_told(folder: RunFolder, command: str) -> Iterator[None]:
    """Say how to go on after the loss of a process."""
    try:
        yield
    except ProcessLost as error:
        raise ProcessLost(f"{error}; go on with: {again(folder, command)}") from error


@contextmanager
def memory_errors_told() -> Iterator[None]:
    """Turn the ways in which memory runs out into one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch has a class for it on GPUs alone
        if isinstance(error, MemoryError) or re.search("out of memory|allocate memory", str(error)):
            raise RunFailed(
                "not enough memory; try a smaller --batch-size, --micro-batch or --d-model"
            ) from error
        raise
