"""Exact values of countdown's states: how many states a puzzle has, and how well chance plays it.

    V_random(s) = mean over moves of V_random(s after the move)
    V*(s)       = maximum over moves of V*(s after the move)

Both are 1 if the target is the only number left, and 0 in any other state without a legal move.
V* is `countdown.is_solvable`. V_random is the probability that random play wins: every legal move
is equally likely. It is the baseline that a model has to beat.
"""

from fractions import Fraction
from functools import cache

from reasoning.tasks.countdown import Numbers, Puzzle, after_move, legal_moves, winning_moves


@cache
def random_play_value(puzzle: Puzzle) -> Fraction:
    """Return the probability that random legal moves reach the target, as an exact fraction."""
    numbers, target = puzzle
    if len(numbers) == 1:
        return Fraction(numbers == (target,))
    # only winning moves add to the mean: after any other move, the value is 0
    states = [Puzzle(after_move(numbers, move), target) for move in winning_moves(puzzle)]
    total = sum(map(random_play_value, states), Fraction(0))
    return total / max(1, len(legal_moves(numbers)))


def count_sequences(numbers: Numbers) -> int:
    """Return the number of move sequences that play from these numbers to the end."""
    moves = legal_moves(numbers)
    return sum(count_sequences(after_move(numbers, move)) for move in moves) if moves else 1


def reachable_states(numbers: Numbers) -> frozenset[Numbers]:
    """Return every state that moves can lead to, this state included, each once.

    Different moves often lead to the same state, so there are fewer states than move sequences.
    """
    later = (reachable_states(after_move(numbers, move)) for move in legal_moves(numbers))
    return frozenset({numbers}).union(*later)
