"""Ctrl-C that waits for a good moment, and one that is not forgotten."""

import signal
from types import FrameType, TracebackType
from typing import NoReturn


class RecordingInterruptHandler:
    """Python's own handling of Ctrl-C, with a note that it came.

    It raises KeyboardInterrupt wherever the program is. Libraries have places that swallow any
    exception; who asks later still learns of it.
    """

    came = False

    def __call__(self, number: int, frame: FrameType | None) -> NoReturn:
        """Handle the signal."""
        self.came = True
        raise KeyboardInterrupt


class DeferredInterrupt:
    """While active, the first Ctrl-C only sets `asked`; a second one interrupts at once.

    One that came before and was swallowed counts.
    """

    def __init__(self) -> None:
        self.asked = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __enter__(self) -> "DeferredInterrupt":
        self.before = signal.signal(signal.SIGINT, self.note)
        if isinstance(self.before, RecordingInterruptHandler):
            self.asked = self.before.came
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self.before)
