"""Ctrl-C handlers: one remembers that it came, one waits for the end of the current step."""

import signal
from types import FrameType, TracebackType
from typing import NoReturn


class RecordingInterruptHandler:
    """Raise KeyboardInterrupt, as Python itself does, and remember it.

    Some libraries swallow every exception; `received` still tells that Ctrl-C came.
    """

    received = False

    def __call__(self, number: int, frame: FrameType | None) -> NoReturn:
        """Handle the signal."""
        self.received = True
        raise KeyboardInterrupt


class DeferredInterrupt:
    """While active, the first Ctrl-C only sets `requested`; a second one interrupts at once.

    An earlier Ctrl-C that a library swallowed counts as the first.
    """

    def __init__(self) -> None:
        self.requested = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def __enter__(self) -> "DeferredInterrupt":
        self.before = signal.signal(signal.SIGINT, self.handle)
        if isinstance(self.before, RecordingInterruptHandler):
            self.requested = self.before.received
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self.before)
