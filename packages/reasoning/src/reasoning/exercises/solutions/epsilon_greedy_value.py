"""The value of an epsilon-greedy player, state by state."""

from reasoning.tasks.countdown import (
    Move,
    Puzzle,
    after_move,
    is_solvable,
    legal_moves,
    winning_moves,
)


def epsilon_greedy_value(puzzle: Puzzle, epsilon: float) -> float:
    """Mix two means: over the winning moves, and over all legal moves."""
    numbers, target = puzzle
    if not is_solvable(puzzle):
        return 0.0
    if len(numbers) == 1:
        return 1.0

    def mean_value(moves: tuple[Move, ...]) -> float:
        states = [Puzzle(after_move(numbers, move), target) for move in moves]
        return sum(epsilon_greedy_value(state, epsilon) for state in states) / len(moves)

    winning, legal = mean_value(winning_moves(puzzle)), mean_value(legal_moves(numbers))
    return (1 - epsilon) * winning + epsilon * legal
