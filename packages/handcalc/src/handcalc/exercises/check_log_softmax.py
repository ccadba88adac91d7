"""Check the logarithms of a softmax, also where a power would overflow or underflow."""

import math
from collections.abc import Callable

from handcalc.calculation import Vector


def check(log_softmax: Callable[[Vector], Vector]) -> None:
    """Check probabilities by hand, for logits of three magnitudes."""
    two, four = math.log(2), math.log(4)
    cases = [
        ([0.0, 0.0, two], [-four, -four, -two]),  # shares 1/4, 1/4, 1/2
        ([7.0, 7.0, 7.0 + two], [-four, -four, -two]),  # a higher place changes nothing
        ([1000.0, 0.0], [0.0, -1000.0]),
        ([-1000.0, -1000.0], [-two, -two]),
    ]
    for logits, expected in cases:
        try:
            found = log_softmax(logits)
        except (OverflowError, ValueError) as error:
            raise AssertionError(f"of logits {logits}: {type(error).__name__}: {error}") from error
        same = len(found) == len(expected)
        same = same and all(abs(a - b) < 1e-9 for a, b in zip(found, expected, strict=True))
        assert same, f"of logits {logits} the logarithms are {expected}, not {found}"
