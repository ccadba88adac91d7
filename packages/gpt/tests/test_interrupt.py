import contextlib
import signal

import pytest

from gpt.runs.interrupt import RecordingInterruptHandler, defer_interrupt


def test_the_first_ctrl_c_is_deferred_and_the_second_interrupts():
    before = signal.getsignal(signal.SIGINT)
    with defer_interrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_ctrl_c_that_a_library_swallowed_counts_as_the_first():
    before = signal.signal(signal.SIGINT, RecordingInterruptHandler())
    try:
        with defer_interrupt() as interrupt:
            assert not interrupt.requested
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with defer_interrupt() as interrupt:
            assert interrupt.requested
    finally:
        signal.signal(signal.SIGINT, before)
