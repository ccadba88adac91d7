"""Check the count of multiplications."""

from collections.abc import Callable


def check(count_products: Callable[[int, int, int, int, int], int]) -> None:
    """Check counts by hand: one word and rows of one number, then how the counts grow."""
    cases = [
        ("one word, all sizes 1: Q, K, V, QK, AV, W_O, W_1, W_2, logits", (1, 1, 1, 1, 1), 9),
        ("two words: QK and AV have four products each", (2, 1, 1, 1, 1), 2 * 7 + 2 * 4),
        ("two heads of width 1 instead of one of width 2", (1, 2, 2, 1, 1), 6 + 2 + 2 + 4 + 4 + 2),
        ("one head of width 2", (1, 2, 1, 1, 1), 12 + 2 + 2 + 4 + 4 + 2),
        ("I love pizza", (3, 6, 2, 24, 3), 162 + 54 + 54 + 108 + 864 + 54),
    ]
    for name, sizes, count in cases:
        yours = count_products(*sizes)
        assert yours == count, f"{name}: {count}, not {yours}"
