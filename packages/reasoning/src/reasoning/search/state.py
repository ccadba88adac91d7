"""A node of a search tree: a puzzle, and the moves of an attempt so far.

After each move fewer numbers are left, until one remains. So a tree has at most as many levels
as the puzzle has numbers, and no model is needed to see where an attempt ends.
"""

from typing import NamedTuple

from reasoning.tasks.countdown import Move, Numbers, Puzzle, after_move

Moves = tuple[Move, ...]
"""The moves of an attempt so far."""


class SearchState(NamedTuple):
    """A puzzle and the moves of an attempt at it so far; the root of a tree has none."""

    puzzle: Puzzle
    moves: Moves = ()

    @property
    def numbers(self) -> Numbers:
        """The numbers that are left."""
        numbers = self.puzzle.numbers
        for move in self.moves:
            numbers = after_move(numbers, move)
        return numbers

    @property
    def is_terminal(self) -> bool:
        """Whether one number is left, so that no move is possible."""
        return len(self.numbers) == 1

    @property
    def is_won(self) -> bool:
        """Whether the one number that is left is the target: the exact end test."""
        return self.numbers == (self.puzzle.target,)

    def child(self, move: Move) -> "SearchState":
        """Return the state after one more move."""
        return SearchState(self.puzzle, (*self.moves, move))
