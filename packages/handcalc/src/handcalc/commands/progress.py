"""How far a training is, for whoever watches."""

import sys
import time

from handcalc.training.training import Record


class Progress:
    """A line on the screen, written over at every step; in a file, a line now and then."""

    def __init__(self, steps: int, spent: float) -> None:
        self.steps, self.spent, self.begin = steps, spent, time.perf_counter()
        self.first, self.loss = 0, 0.0
        self.on_screen = sys.stderr.isatty()
        self.heard = True

    def seconds(self) -> float:
        """Since the beginning of the run, sessions before this one included."""
        return self.spent + time.perf_counter() - self.begin

    def show(self, record: Record) -> None:
        """The step, a mean of the latest losses, and the time that is left."""
        if not self.first:
            self.first, self.loss = record.step, record.loss
        self.loss += 0.02 * (record.loss - self.loss)
        each = (time.perf_counter() - self.begin) / (record.step - self.first + 1)
        left = each * (self.steps - record.step)
        text = f"step {record.step:,} of {self.steps:,}   loss {self.loss:.3f}   {left:.0f} s left"
        if self.on_screen:
            self.say(f"\r{text:60}", "")
        elif record.step % max(self.steps // 5, 1) == 0:
            self.say(text, "\n")

    def end(self) -> None:
        """Leave the line."""
        if self.on_screen:
            self.say("", "\n")

    def say(self, text: str, end: str) -> None:
        """To whoever still listens; a training goes on without."""
        if self.heard:
            try:
                print(text, end=end, file=sys.stderr, flush=True)
            except BrokenPipeError:
                self.heard = False
