"""Ctrl-C that waits for a good moment."""

import signal
from types import FrameType, TracebackType


class FirstInterrupt:
    """While active, the first Ctrl-C only sets `asked`; a second one interrupts at once."""

    def __init__(self) -> None:
        self.asked = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __enter__(self) -> "FirstInterrupt":
        self.before = signal.signal(signal.SIGINT, self.note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self.before)
