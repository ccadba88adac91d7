"""A training loop at work in its folder: a progress bar, a log, and Ctrl-C at a good moment."""

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any, NamedTuple

from gpt.files import add_path_to_errors
from gpt.runs.checkpoints import Checkpoint, newest_checkpoint
from gpt.runs.endings import (
    closing_loop,
    report_full_disk,
    report_interrupt,
    report_out_of_memory,
    resume_command,
)
from gpt.runs.folder import RunFolder
from gpt.runs.interrupt import DeferredInterrupt
from gpt.runs.processes import all_reduce_max, barrier, rank
from gpt.runs.progress import report_message, show_progress

INTERRUPTED_STATUS = 130  # the exit status of a program that Ctrl-C ended


class PreparedLoop(NamedTuple):
    """A loop that has not begun, and what to say of it."""

    loop: Generator[Any, None, None]
    """Yields records with a `step`, a `loss` and a `validation`."""
    done: int
    """Steps that an earlier start of the run has done."""
    steps: int
    """Steps in all."""
    title: str
    n_tokens: int
    """Tokens a step."""


def load_last_checkpoint(folder: RunFolder, updates: int = 1) -> tuple[Checkpoint | None, int]:
    """The newest whole checkpoint of a run and its steps; what was logged after it is dropped.

    A step of the log may be several updates, as in PPO.
    """
    start, messages = newest_checkpoint(folder.checkpoints) or (None, [])
    for message in messages:
        report_message(message)
    done = start.values["step"] // updates if start else 0
    if rank() == 0:
        folder.trim_log(done)
    return start, done


def run_loop(folder: RunFolder, prepare: Callable[[], PreparedLoop], command: str) -> int:
    """Prepare it and run it to its end. Returns the exit status.

    Ctrl-C ends it after the step at hand, saves, and says how to go on.
    """
    with (
        report_full_disk(folder, command),
        report_interrupt(folder, command),
        DeferredInterrupt() as interrupt,
        report_out_of_memory(),
    ):
        loop, step, steps, title, n_tokens = prepare()
        stop = False
        with (
            closing_loop(loop),
            closing(show_progress(loop, steps, step, n_tokens, title)) as records,
        ):
            for record in log_records(records, folder):
                step = record.step
                stop = all_reduce_max(interrupt.asked)  # one process was asked, and all stop
                if stop:
                    break
    if not stop or step == steps:
        return 0
    report_message(f"stopped after step {step}; go on with: {resume_command(folder, command)}")
    barrier()  # torchrun ends all processes when the first has ended
    return INTERRUPTED_STATUS


def log_records(records: Iterator[Any], folder: RunFolder) -> Iterator[Any]:
    """Write each record as a line of the log, with the seconds since this start."""
    if rank() > 0:
        yield from records
        return
    started = time.perf_counter()
    for record in records:
        elapsed = round(time.perf_counter() - started, 3)
        # opened for each line, so that one that cannot be written fails here, and with its name
        with add_path_to_errors(folder.log), folder.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(record) | {"elapsed": elapsed}) + "\n")
        yield record
