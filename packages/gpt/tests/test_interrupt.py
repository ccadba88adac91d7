import contextlib
import signal

import pytest

from gpt.runs.interrupt import DeferredInterrupt, RecordingInterruptHandler


def test_the_first_ctrl_c_is_noted_and_the_second_interrupts():
    before = signal.getsignal(signal.SIGINT)
    with DeferredInterrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_one_that_a_library_swallowed_is_not_forgotten():
    before = signal.signal(signal.SIGINT, RecordingInterruptHandler())
    try:
        with DeferredInterrupt() as interrupt:
            assert not interrupt.requested
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with DeferredInterrupt() as interrupt:
            assert interrupt.requested
    finally:
        signal.signal(signal.SIGINT, before)
