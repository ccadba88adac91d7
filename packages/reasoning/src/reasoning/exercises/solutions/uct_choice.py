"""Select a move by UCT: a mean, plus an exploration term."""

import math


def uct_choice(moves: list[tuple[int, float]], c: float) -> int:
    """Score each move, and take the first of the highest."""
    n_node = 1 + sum(visits for visits, _ in moves)
    scores = [
        value_sum / visits + c * math.sqrt(2 * math.log(n_node) / visits) if visits else math.inf
        for visits, value_sum in moves
    ]
    return scores.index(max(scores))
