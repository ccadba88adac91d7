"""Check the value of an epsilon-greedy player against values worked out by hand."""

import math
from collections.abc import Callable

from reasoning.tasks.countdown import Puzzle


def check(epsilon_greedy_value: Callable[[Puzzle, float], float]) -> None:
    """Compare with the values of small states and of two puzzles."""
    cases = [
        ("the target is reached", (24,), 24, 0.5, 1.0),
        ("another number is left", (23,), 24, 0.5, 0.0),
        ("no legal move", (199, 199), 24, 0.5, 0.0),
        ("the target cannot be reached", (1, 1, 2), 99, 0.5, 0.0),
        ("never at random", (4, 7, 9, 11), 24, 0.0, 1.0),
        ("one of two moves wins: 1/2 + 1/2 * 1/2", (9, 33), 24, 0.5, 3 / 4),
        ("one of nine moves wins: (1/2 + 1/2 * 1/9) * 3/4", (3, 9, 11), 24, 0.5, 5 / 12),
        ("two of eighteen: (1/2 + 1/2 * 2/18) * 5/12", (4, 7, 9, 11), 24, 0.5, 25 / 108),
        ("rarely at random: 3/4 + 1/4 * 1/2", (9, 33), 24, 0.25, 7 / 8),
        ("always at random", (4, 7, 9, 11), 24, 1.0, 1 / 162),
        ("2 + 2 and 2 * 2 are two moves to one state", (2, 2, 4), 16, 1.0, 4 / 15),
        ("winning moves that differ in value", (2, 2, 4), 16, 0.5, 26 / 45),
        ("every first move wins", (2, 2, 2, 2), 16, 0.5, 26 / 45),
    ]
    for name, numbers, target, epsilon, expected in cases:
        yours = epsilon_greedy_value(Puzzle(numbers, target), epsilon)
        right = math.isclose(yours, expected, abs_tol=1e-9)
        where = f"{numbers} to {target} with epsilon {epsilon}"
        assert right, f"{name}: {where} has the value {expected:.4f}, not {yours:.4f}"
