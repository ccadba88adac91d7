"""Check for the smallest number of questions whose interval excludes one half."""

from collections.abc import Callable


def check(questions_needed: Callable[[float], int]) -> None:
    """Compare with z^2 / (2 (share - 1/2))^2 with z^2 = 3.8415, rounded up."""
    cases = [
        (1.0, 4),  # 3.84
        (0.75, 16),  # 3.8415 / 0.25 = 15.4
        (0.6, 97),  # 3.8415 / 0.04 = 96.04
        (0.55, 385),  # 3.8415 / 0.01 = 384.15
    ]
    for share, needed in cases:
        yours = questions_needed(share)
        assert yours == needed, f"a win rate of {share} needs {needed} questions, not {yours}"
