"""One sentence for each way in which a training run ends before its last step."""

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
    """Return the command line that resumes a run; `command` is the program and its verb."""
    n = n_processes()
    start = command if n == 1 else f"torchrun --nproc-per-node {n} -m {command}"
    return f"{start} --resume {shlex.quote(str(folder.path))}"


@contextmanager
def closing_loop(loop: Generator[object, None, None]) -> Iterator[None]:
    """Close the loop, which saves; after an error in one of several processes, pass it the error.

    Saving takes all processes, and the others cannot help any more.
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
def run_failures_reported(folder: RunFolder, command: str) -> Iterator[None]:
    """Say what was kept of a run that fails, and how to resume it.

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
            saved, resume = last_checkpoint_name(folder), resume_command(folder, command)
            message += f"{saved}; free some space, then resume with: {resume}"
        else:
            message += "nothing of the run was kept; free some space and start again"
        raise RunFailed(message) from error
    except (MemoryError, RuntimeError) as error:  # torch has a class of its own only on GPUs
        if isinstance(error, MemoryError) or re.search("out of memory|allocate memory", str(error)):
            raise RunFailed(
                "not enough memory; try a smaller --batch-size, --micro-batch or --d-model"
            ) from error
        raise


@contextmanager
def interrupt_reported(folder: RunFolder, command: str) -> Iterator[None]:
    """Say which checkpoint is the last one if a second Ctrl-C does not wait for the step."""
    try:
        yield
    except KeyboardInterrupt:
        resume = resume_command(folder, command)
        report_message(f"{last_checkpoint_name(folder)}; resume with: {resume}")
        raise


def last_checkpoint_name(folder: RunFolder) -> str:
    """Describe which checkpoint a run can be resumed from."""
    files = checkpoint_files(folder.checkpoints)
    if files:
        return f"the last checkpoint is {files[-1].name}"
    return "no checkpoint was written yet, so its steps are done again"
