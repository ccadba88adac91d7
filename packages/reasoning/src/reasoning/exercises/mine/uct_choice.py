"""Exercise of the chapter on Monte-Carlo tree search: select a move by UCT."""


def uct_choice(moves: list[tuple[int, float]], c: float) -> int:
    """Return the index of the move with the highest UCT score, the first of equals.

    Args:
        moves: the visits of each move, and the sum of the values that were backed up through it.
        c: the weight of exploration.

    A move without visits comes before all others. The node itself has one visit more than its moves
    together.
    """
    raise NotImplementedError
