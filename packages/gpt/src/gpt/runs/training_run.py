"""Setup, resume, progress, log and failures of every training command.

::

    with TrainingRun(options) as run:
        with run.setup() as is_first:  # the first process creates the folder, the others wait
            ...
        records = train(model, ..., start=run.last_checkpoint(), folder=run.folder.checkpoints)
        run.follow(records, steps, title, tokens_per_step)
        if run.is_finished:
            ...  # report, in the first process only
    return run.status
"""

import json
import re
import shlex
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from typing import Any

from gpt.device import pick_device
from gpt.errors import ProcessLost, RunFailed
from gpt.files import DISK_FULL, add_path_to_errors
from gpt.runs.checkpoints import Checkpoint, checkpoint_files, newest_checkpoint
from gpt.runs.folder import RunFolder
from gpt.runs.interrupt import defer_interrupt
from gpt.runs.options import RunOptions
from gpt.runs.processes import (
    all_reduce_max,
    barrier,
    leave_process_group,
    local_device,
    local_rows,
    n_processes,
    process_group,
    rank,
    rank_zero_first,
)
from gpt.runs.progress import report_message, show_progress

INTERRUPTED_STATUS = 130
"""Exit status of a program that was interrupted by Ctrl-C."""


class TrainingRun(ExitStack):
    """A training command at work in its run folder.

    Ctrl-C, a lost process and a full disk end with a message that says how to resume the run.
    `status` is the exit status of the command.
    """

    def __init__(self, options: RunOptions) -> None:
        super().__init__()
        self.options, self.folder = options, options.folder
        self.device = local_device(pick_device(options.device))
        self.status, self.done, self.is_finished = 0, 0, False

    def __enter__(self) -> "TrainingRun":
        with ExitStack() as contexts:
            contexts.enter_context(report_run_failures(self.folder, self.options.command))
            contexts.enter_context(process_group(self.device))
            self.push(contexts.pop_all())
        return self

    @contextmanager
    def setup(self) -> Iterator[bool]:
        """Let the first process prepare the run folder while the others wait.

        Yields whether this is the first process. A new run is refused if the folder holds another
        run, and a resumed one if an option differs from the run's settings.
        """
        with rank_zero_first() as is_first:
            if is_first:
                local_rows(range(self.options.batch_size))  # refuses fewer rows than processes
                if self.options.resume is None:
                    self.options.refuse_existing_run()
                else:
                    self.options.refuse_changes(self.options.saved(self.options.resume))
            yield is_first

    def last_checkpoint(self, updates_per_record: int = 1) -> Checkpoint | None:
        """Return the newest intact checkpoint, if any, and remove later records from the log.

        A record of the log may cover several updates, as in PPO.
        """
        start, messages = newest_checkpoint(self.folder.checkpoints) or (None, [])
        if start is None and self.options.resume is not None:
            messages = [
                f"{str(self.folder.path)!r} has no checkpoint yet; starting at the first step"
            ]
        for message in messages:
            report_message(message)
        self.done = start.values["step"] // updates_per_record if start else 0
        if rank() == 0:
            self.folder.trim_log(self.done)
        return start

    def follow(
        self,
        records: Generator[Any, None, None],
        steps: int,
        title: str,
        tokens_per_step: int,
        unit: str = "tokens",
    ) -> None:
        """Run the loop to its end or to Ctrl-C, with a progress bar, and log each record.

        `unit` names what the progress bar counts if it is not tokens.
        After the first Ctrl-C, the current step finishes and is saved; a second one stops at once.
        If the run has ended, `is_finished` is True afterwards, in the first process only.
        """
        step, stop, command = self.done, False, self.options.command
        with (
            report_interrupt(self.folder, command),
            defer_interrupt() as interrupt,
            closing_loop(records),
            closing(show_progress(records, steps, step, tokens_per_step, title, unit)) as shown,
        ):
            for record in log_records(shown, self.folder):
                step = record.step
                stop = bool(all_reduce_max(interrupt.requested))  # if any was interrupted, all stop
                if stop:
                    break
        if stop and step < steps:
            resume = resume_command(self.folder, command)
            report_message(f"stopped after step {step}; resume with: {resume}")
            barrier()  # torchrun stops the others when one ends
            self.status = INTERRUPTED_STATUS
        else:
            self.is_finished = rank() == 0
            leave_process_group()


def log_records(records: Iterator[Any], folder: RunFolder) -> Iterator[Any]:
    """Append each record to the log, with the seconds since this start, and yield it."""
    if rank() > 0:
        yield from records
        return
    started = time.perf_counter()
    for record in records:
        elapsed = round(time.perf_counter() - started, 3)
        # opened for each line, so that a failed write raises here, with the file's name
        with add_path_to_errors(folder.log), folder.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(record) | {"elapsed": elapsed}) + "\n")
        yield record


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
                "not enough memory; try a smaller --batch-size, --micro-batch-size or model"
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
