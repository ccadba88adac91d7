"""Messages for the ways in which a training run can end before its last step."""

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


def resume_command(folder: RunFolder, command: str) -> str:
    """Return the command line that resumes a run; `command` is the program and command."""
    n = n_processes()
    start = command if n == 1 else f"torchrun --nproc-per-node {n} -m {command}"
    return f"{start} --resume {shlex.quote(str(folder.path))}"


@contextmanager
def closing_loop(loop: Generator[object, None, None]) -> Iterator[None]:
    """Close the loop at the end, so that it saves a checkpoint.

    After an error in one of several processes, the loop gets the error instead and does not save:
    saving needs all processes.
    """
    try:
        yield
    except BaseException as error:
        if n_processes() > 1:
            loop.throw(error)
        raise
    finally:
        loop.close()


@contextmanager
def report_run_failures(folder: RunFolder, command: str) -> Iterator[None]:
    """Add to the error of a failed run the last checkpoint and the command that resumes it.

    Raises:
        RunFailed: the disk is full, or memory ran out.
        ProcessLost: another process of the run died.
    """
    try:
        yield
    except ProcessLost as error:
        raise ProcessLost(f"{error}; resume with: {resume_command(folder, command)}") from error
    except OSError as error:
        if error.errno not in DISK_FULL or error.filename is None:
            raise
        message = f"{error.filename}: {error.strerror}; "
        if folder.config.is_file():
            saved, resume = describe_last_checkpoint(folder), resume_command(folder, command)
            message += f"{saved}; free some space, then resume with: {resume}"
        else:
            message += "nothing of the run was kept; free some space and start again"
        raise RunFailed(message) from error
    except (MemoryError, RuntimeError) as error:  # torch has no error class for it on a CPU
        if isinstance(error, MemoryError) or re.search("out of memory|allocate memory", str(error)):
            raise RunFailed(
                "not enough memory; try a smaller --batch-size, --micro-batch-size or --d-model"
            ) from error
        raise


@contextmanager
def report_interrupt(folder: RunFolder, command: str) -> Iterator[None]:
    """Report the last checkpoint if a second Ctrl-C interrupts the current step."""
    try:
        yield
    except KeyboardInterrupt:
        resume = resume_command(folder, command)
        report_message(f"{describe_last_checkpoint(folder)}; resume with: {resume}")
        raise


def describe_last_checkpoint(folder: RunFolder) -> str:
    """Return the part of a message that names the last checkpoint of a run."""
    files = checkpoint_files(folder.checkpoints)
    if files:
        return f"the last checkpoint is {files[-1].name}"
    return "no checkpoint was written yet, so the run starts again from its first step"
