"""The progress line of a training run."""

import sys
import time
from collections.abc import Generator, Iterable
from contextlib import suppress

from handcalc.training.training import Record


def show_progress(records: Iterable[Record], steps: int) -> Generator[Record, None, None]:
    """Yield the records; show the step, a running mean of the loss, and the time that is left.

    On a terminal every step overwrites the line; a file gets five lines per run. Once stderr is a
    closed pipe, the training continues without it.
    """
    on_screen, begin = sys.stderr.isatty(), time.perf_counter()
    first, loss = 0, 0.0
    try:
        for record in records:
            if not first:
                first, loss = record.step, record.loss
            loss += 0.02 * (record.loss - loss)
            per_step = (time.perf_counter() - begin) / (record.step - first + 1)
            left = per_step * (steps - record.step)
            text = f"step {record.step:,} of {steps:,}   loss {loss:.3f}   {left:.0f} s left"
            with suppress(BrokenPipeError):
                if on_screen:
                    print(f"\r{text:60}", end="", file=sys.stderr, flush=True)
                elif record.step % max(steps // 5, 1) == 0:
                    print(text, file=sys.stderr, flush=True)
            yield record
    finally:
        if on_screen:
            with suppress(BrokenPipeError):
                print(file=sys.stderr, flush=True)
