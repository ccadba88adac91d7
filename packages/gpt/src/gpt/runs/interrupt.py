"""Handlers of Ctrl-C: one records it, one defers it to the end of the current step."""

import signal
from types import FrameType, TracebackType
from typing import NoReturn


class RecordingInterruptHandler:
    """Signal handler that raises KeyboardInterrupt, as Python's own does, and records the signal.

    Some libraries swallow every exception; `received` is True even then.
    """

    received = False

    def __call__(self, number: int, frame: FrameType | None) -> NoReturn:
        """Record the signal and raise KeyboardInterrupt."""
        self.received = True
        raise KeyboardInterrupt


class DeferredInterrupt:
    """Context in which the first Ctrl-C only sets `requested` and the second one interrupts.

    An earlier Ctrl-C that a library swallowed counts as the first.
    """

    requested = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Set `requested`, or raise KeyboardInterrupt if it is set already."""
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
