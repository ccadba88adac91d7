"""Check a choice by UCT against scores worked out by hand."""

from collections.abc import Callable


def check(uct_choice: Callable[[list[tuple[int, float]], float], int]) -> None:
    """Compare with nodes of two and three moves, with and without exploration."""
    cases = [
        ("means 0.5 and 0, but B was tried once: 1.45 against 1.89", [(4, 2.0), (1, 0.0)], 1.0, 1),
        ("without exploration, 0.5 wins", [(4, 2.0), (1, 0.0)], 0.0, 0),
        ("means count, not sums: 0.4 against 0.75", [(10, 4.0), (2, 1.5)], 0.0, 1),
        ("a move without visits comes first", [(5, 5.0), (0, 0.0), (5, 5.0)], 1.0, 1),
        ("also without exploration", [(5, 5.0), (0, 0.0)], 0.0, 1),
        ("of two such moves, the first", [(3, 3.0), (0, 0.0), (0, 0.0)], 1.0, 1),
        ("N = 1 + 1 + 2: 1.67 against 0.46 + 1.18", [(1, 0.0), (2, 0.92)], 1.0, 0),
        ("half as curious: 0.83 against 0.46 + 0.59", [(1, 0.0), (2, 0.92)], 0.5, 1),
    ]
    for name, moves, c, expected in cases:
        yours = uct_choice(moves, c)
        assert yours == expected, f"{name}: with c = {c}, {moves} gives {expected}, not {yours}"
