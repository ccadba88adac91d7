"""Exercise of the chapter on the task: how often a player wins who plays well most of the time."""

from reasoning.tasks.countdown import Puzzle


def epsilon_greedy_value(puzzle: Puzzle, epsilon: float) -> float:
    """Return the probability that an epsilon-greedy player solves the puzzle.

    Args:
        puzzle: the numbers that are left, and the target.
        epsilon: probability of any legal move, each equally likely. Otherwise the player makes one
            of the winning moves, each equally likely, if there is one. The player chooses anew at
            every move.
    """
    raise NotImplementedError
