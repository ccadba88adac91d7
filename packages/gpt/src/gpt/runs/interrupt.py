"""Handlers of Ctrl-C: one records it, one defers it to the end of the current step."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
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


class DeferringInterruptHandler:
    """Signal handler that only sets `requested` at the first Ctrl-C, and raises at the second."""

    requested = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Set `requested`, or raise KeyboardInterrupt if it is set already."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def defer_interrupt() -> Iterator[DeferringInterruptHandler]:
    """Defer the first Ctrl-C; an earlier one that a library swallowed counts as the first."""
    handler = DeferringInterruptHandler()
    before = signal.signal(signal.SIGINT, handler)
    if isinstance(before, RecordingInterruptHandler):
        handler.requested = before.received
    try:
        yield handler
    finally:
        signal.signal(signal.SIGINT, before)
