"""Check how often labels agree with the scores that they were drawn from."""

import math
from collections.abc import Callable

THREE_TO_ONE = math.log(3)


def check(best_accuracy: Callable[[list[float]], float]) -> None:
    """Compare with pairs worked out by hand: odds of 3 to 1 are a probability of 3/4."""
    cases = [
        ("odds of 3 to 1", [THREE_TO_ONE], 3 / 4),
        ("b is better", [-THREE_TO_ONE], 3 / 4),
        ("equal scores", [0.0], 1 / 2),
        ("a clear pair and an equal one", [THREE_TO_ONE, 0.0], 5 / 8),
        ("one pair each way", [THREE_TO_ONE, -THREE_TO_ONE], 3 / 4),
        ("odds of 9 to 1 and of 3 to 1", [2 * THREE_TO_ONE, THREE_TO_ONE], (9 / 10 + 3 / 4) / 2),
        ("no doubt at all", [1000.0, -1000.0], 1.0),
    ]
    for name, gaps, accuracy in cases:
        yours = best_accuracy(list(gaps))
        assert math.isclose(yours, accuracy), f"{name}: {gaps} give {accuracy}, not {yours}"
