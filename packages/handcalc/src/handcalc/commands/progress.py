"""The progress line of a training run."""

import sys
import time

from handcalc.training.training import Record


class Progress:
    """A line on the terminal that every step overwrites; in a file, five lines per run."""

    def __init__(self, steps: int) -> None:
        self.steps, self.begin = steps, time.perf_counter()
        self.first, self.loss = 0, 0.0
        self.on_screen = sys.stderr.isatty()
        self.closed = False

    def show(self, record: Record) -> None:
        """Show the step, a running mean of the loss, and the time that is left."""
        if not self.first:
            self.first, self.loss = record.step, record.loss
        self.loss += 0.02 * (record.loss - self.loss)
        per_step = (time.perf_counter() - self.begin) / (record.step - self.first + 1)
        left = per_step * (self.steps - record.step)
        text = f"step {record.step:,} of {self.steps:,}   loss {self.loss:.3f}   {left:.0f} s left"
        if self.on_screen:
            self.write(f"\r{text:60}", "")
        elif record.step % max(self.steps // 5, 1) == 0:
            self.write(text, "\n")

    def end(self) -> None:
        """End the line on the terminal."""
        if self.on_screen:
            self.write("", "\n")

    def write(self, text: str, end: str) -> None:
        """Print to stderr; once that pipe is closed, the training continues without it."""
        if not self.closed:
            try:
                print(text, end=end, file=sys.stderr, flush=True)
            except BrokenPipeError:
                self.closed = True
