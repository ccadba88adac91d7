"""A finding: a fault that raises no error, with the measurement that reveals it.

A detector measures one thing and returns `Finding.unless(healthy, ...)`: a finding, or None if the
measurement is healthy (NaN never is). No detector trains anything. Four modules group them by what
they look at:

    row_faults       the rows of a training set: masks, stop tokens, padding, leaks
    pair_faults      preferences: equal, contradictory, or predictable from their length
    model_faults     policy, reference and adapters
    run_faults       the numbers of a run: losses, KL, entropy, rewards

`preflight` calls the detectors that apply before the first step, and those that read a log.
"""

from typing import NamedTuple


class Finding(NamedTuple):
    """A fault that was detected."""

    name: str
    """Name of the fault."""
    message: str
    """The observation, and how to fix the fault."""
    value: float
    """The measurement that revealed it."""

    @classmethod
    def unless(cls, healthy: bool, name: str, message: str, value: float | int) -> "Finding | None":
        """Return None if the measurement is healthy, else the finding."""
        return None if healthy else cls(name, message, value)
