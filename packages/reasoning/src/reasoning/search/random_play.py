"""Random play: the policy without a model, in which every legal move is equally likely."""

from collections.abc import Sequence

import numpy as np

from reasoning.search.state import Moves, SearchState
from reasoning.tasks.countdown import Move, after_move, legal_moves


class RandomPlay:
    """The `MovePolicy` that knows only the rules: the baseline of every search with a model."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random

    def sample_moves(self, states: Sequence[SearchState], n: int) -> list[list[Move]]:
        """Draw `n` legal moves of each state."""
        return [
            [moves[self.random.integers(len(moves))] for _ in range(n if moves else 0)]
            for moves in (legal_moves(state.numbers) for state in states)
        ]

    def move_chances(self, states: Sequence[SearchState]) -> list[dict[Move, float]]:
        """Return the same chance for each legal move."""
        moves_of_states = [legal_moves(state.numbers) for state in states]
        return [{move: 1 / len(moves) for move in moves} for moves in moves_of_states]

    def sample_endings(self, states: Sequence[SearchState], n: int) -> list[list[Moves]]:
        """Play each state to its end `n` times; play that is stuck before the end is left out."""
        ends = [[self.play_out(state) for _ in range(n)] for state in states]
        return [[moves for moves in row if moves is not None] for row in ends]

    def play_out(self, state: SearchState) -> Moves | None:
        """Return random moves until one number is left, or None if no legal move leads there."""
        numbers, moves = state.numbers, ()
        while choices := legal_moves(numbers):
            moves = (*moves, choices[self.random.integers(len(choices))])
            numbers = after_move(numbers, moves[-1])
        return moves if len(numbers) == 1 else None
