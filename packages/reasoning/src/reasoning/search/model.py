"""What a search asks for: moves of a policy, and values of states.

A search knows no network. It is written against these two protocols, so tests run it with a fake
model whose answers are known.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from reasoning.search.state import Moves, SearchState
from reasoning.tasks.countdown import Move


@runtime_checkable
class MovePolicy(Protocol):
    """Proposes moves; a language model that writes attempts is one."""

    def sample_moves(self, states: Sequence[SearchState], n: int) -> list[list[Move]]:
        """Sample `n` next moves of each state; a text that is no legal move is left out."""
        ...

    def move_chances(self, states: Sequence[SearchState]) -> list[dict[Move, float]]:
        """Return the chance of each legal move of each state; they add up to 1 per state."""
        ...

    def sample_endings(self, states: Sequence[SearchState], n: int) -> list[list[Moves]]:
        """Sample `n` endings of each state: further moves until one number is left.

        An ending with a text that is no legal move is left out.
        """
        ...


@runtime_checkable
class StateValue(Protocol):
    """Estimates how likely an attempt wins; a process reward model is one."""

    def __call__(self, states: Sequence[SearchState]) -> list[float]:
        """Return a value in [0, 1] for each state."""
        ...
