"""Proposals of tree of thoughts: samples, or the likeliest moves.

Yao et al. (2023, section 3) propose thoughts in two ways: as independent samples, which suits long
thoughts, or all at once, so that they differ, which suits short thoughts, since independent samples
of these repeat each other. A policy's own `sample_moves` is the first way, this module the second.
"""

from collections.abc import Sequence

from reasoning.search.model import MovePolicy
from reasoning.search.state import Moves, SearchState
from reasoning.tasks.countdown import Move


class LikeliestMoves:
    """A policy that proposes the moves with the highest chances, each once, instead of samples."""

    def __init__(self, policy: MovePolicy) -> None:
        self.policy = policy

    def sample_moves(self, states: Sequence[SearchState], n: int) -> list[list[Move]]:
        """Return the `n` likeliest moves of each state, or all if there are fewer."""
        ordered = [
            sorted(chances, key=lambda move: -chances[move])
            for chances in self.policy.move_chances(states)
        ]
        return [moves[:n] for moves in ordered]

    def move_chances(self, states: Sequence[SearchState]) -> list[dict[Move, float]]:
        """Return the chances that the policy gives."""
        return self.policy.move_chances(states)

    def sample_endings(self, states: Sequence[SearchState], n: int) -> list[list[Moves]]:
        """Return endings that the policy samples."""
        return self.policy.sample_endings(states, n)
