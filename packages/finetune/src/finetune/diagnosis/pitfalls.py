"""What goes wrong without a word, and how each of it shows.

A detector looks at one thing and returns a finding, with what to do, or None. They stand in four
modules, by what they look at, and none trains anything:

    row_faults       the rows of a training set: masks, stop tokens, padding, leaks
    pair_faults      preferences: equal, contradictory, told apart by their length
    model_faults     policy, reference and adapters
    run_faults       the numbers of a run: losses, KL, entropy, rewards

`preflight` asks those that can be asked before the first step, `review` those about a run.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Finding(NamedTuple):
    """Something that is wrong."""

    name: str
    """Of the detector."""
    message: str
    """What was seen and what to do."""
    value: float
    """The number that gave it away."""


def collect_findings(checks: Iterable[Finding | None]) -> list[Finding]:
    """Those that found something."""
    return [each for each in checks if each is not None]
