"""Chain arithmetic: a number and operations on it, one after another, from left to right.

    7 + 12 * 3 - 20 = ?        ((7 + 12) * 3) - 20 = 37

The answer is a single number, so that answers can be counted (voting), and every intermediate
result is a number from 1 to 199, so that each is one token.
"""

from typing import NamedTuple

import numpy as np

from reasoning.tasks.countdown import LARGEST_RESULT, calculate


class Chain(NamedTuple):
    """A first number, and operations: operators with their operands."""

    first: int
    operations: tuple[tuple[str, int], ...]

    def results(self) -> list[int]:
        """Return the result of each operation; the last one is the answer."""
        results, value = [], self.first
        for operator, operand in self.operations:
            value = calculate(value, operator, operand)
            results.append(value)
        return results


def sample_chain(random: np.random.Generator, n_operations: int, largest: int) -> Chain:
    """Draw a chain with operands up to `largest`.

    Each time, every legal pair of operator and operand is equally likely (`* 1` is left out), so
    products become rarer as values grow.
    """
    first = value = int(random.integers(1, largest + 1))
    operations: list[tuple[str, int]] = []
    while len(operations) < n_operations:
        operator, operand = "+-*"[random.integers(3)], int(random.integers(1, largest + 1))
        result = calculate(value, operator, operand)
        if 0 < result <= LARGEST_RESULT and not (operator == "*" and operand == 1):
            operations.append((operator, operand))
            value = result
    return Chain(first, tuple(operations))
