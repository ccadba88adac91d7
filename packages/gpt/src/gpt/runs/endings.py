"""The ways in which a training ends before its last step, and what is said of them."""

import re
import shlex
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from gpt.errors import ProcessLost, RunFailed
from gpt.files import DISK_FULL
from gpt.runs.checkpoints import checkpoint_files
from gpt.runs.folder import RunFolder
from gpt.runs.processes import n_processes
from gpt.runs.progress import report_message
from gpt.training.loop import StepRecord


def resume_command(folder: RunFolder, command: str) -> str:
    """The command that goes on with a run; `command` is the program and its verb."""
    n = n_processes()
    start = command if n == 1 else f"torchrun --nproc-per-node {n} -m {command}"
    return f"{start} --resume {shlex.quote(str(folder.path))}"


@contextmanager
def closing_loop(loop: Generator[StepRecord, None, None]) -> Iterator[None]:
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
def report_lost_process(folder: RunFolder, command: str) -> Iterator[None]:
    """Say how to go on after the loss of a process."""
    try:
        yield
    except ProcessLost as error:
        raise ProcessLost(f"{error}; go on with: {resume_command(folder, command)}") from error


def describe_last_checkpoint(folder: RunFolder) -> str:
    """Say which checkpoint a run can be resumed from."""
    files = checkpoint_files(folder.checkpoints)
    if files:
        return f"the last checkpoint is {files[-1].name}"
    return "no checkpoint was written yet, so its steps are done again"


@contextmanager
def report_full_disk(folder: RunFolder, command: str) -> Iterator[None]:
    """Turn a full disk into one sentence: the file, what was kept, and how to go on."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL or error.filename is None:
            raise
        message = f"{error.filename}: {error.strerror}; "
        if folder.config.is_file():
            saved, resume = describe_last_checkpoint(folder), resume_command(folder, command)
            message += f"{saved}; free some space, then go on with: {resume}"
        else:
            message += "nothing of the run was kept; free some space and start again"
        raise RunFailed(message) from error


@contextmanager
def report_interrupt(folder: RunFolder, command: str) -> Iterator[None]:
    """Say what was kept where a second Ctrl-C did not wait for the step at hand."""
    try:
        yield
    except KeyboardInterrupt:
        report_message(
            f"{describe_last_checkpoint(folder)}; go on with: {resume_command(folder, command)}"
        )
        raise


@contextmanager
def report_out_of_memory() -> Iterator[None]:
    """Turn the ways in which memory runs out into one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch has a class for it on GPUs alone
        if isinstance(error, MemoryError) or re.search("out of memory|allocate memory", str(error)):
            raise RunFailed(
                "not enough memory; try a smaller --batch-size, --micro-batch or --d-model"
            ) from error
        raise
