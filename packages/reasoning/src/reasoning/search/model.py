"""The two protocols of a search: a policy that proposes moves, and a value of states.

The searches call these two protocols and no network, so tests run them with a fake model whose
answers are known.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from reasoning.search.state import Moves, SearchState
from reasoning.tasks.countdown import Move


@runtime_checkable
class MovePolicy(Protocol):
    """Proposes moves, as a language model that generates attempts does."""

    def sample_moves(self, states: Sequence[SearchState], n: int) -> list[list[Move]]:
        """Sample `n` next moves of each state; a text that is no legal move is left out."""
        ...

    def move_chances(self, states: Sequence[SearchState]) -> list[dict[Move, float]]:
        """Return the chance of each legal move of each state; they sum to 1 for each state."""
        ...

    def sample_endings(self, states: Sequence[SearchState], n: int) -> list[list[Moves]]:
        """Sample `n` endings of each state: further moves until one number is left.

        An ending with a text that is no legal move is left out.
        """
        ...


@runtime_checkable
class StateValue(Protocol):
    """Estimates how likely an attempt wins, as a process reward model does."""

    def __call__(self, states: Sequence[SearchState]) -> list[float]:
        """Return a value in [0, 1] for each state."""
        ...
