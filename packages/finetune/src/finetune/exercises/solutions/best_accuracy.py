"""The accuracy of the best judge on labels of a noisy one."""

import math


def best_accuracy(gaps: list[float]) -> float:
    """Average sigmoid(|gap|): the label agrees with the higher score that often."""
    return sum(1 / (1 + math.exp(-abs(gap))) for gap in gaps) / len(gaps)
