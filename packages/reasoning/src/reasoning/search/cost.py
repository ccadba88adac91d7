"""The cost of a method on a puzzle, in the same units for all methods.

Prompts are not counted. Tokens that a model would have in its cache are counted once, so a state
whose parent was read before costs only the tokens of its last move.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reasoning.tasks.countdown import Puzzle


@dataclass(frozen=True)
class Cost:
    """Tokens and states that a method spent on one puzzle."""

    generated: int = 0
    """Tokens that a model generated, stop tokens included."""
    read: int = 0
    """Tokens that a model read in addition: moves to be scored, states to be valued."""
    evaluated: int = 0
    """States that got a value, each once, however many moves lead to the same numbers. States of
    rollouts are included."""


def generated_tokens(answer: Sequence[object], limit: int) -> int:
    """Return how many tokens a model generated for an answer: its own and its stop token.

    An answer of `limit` tokens was cut off, and has no stop token.
    """
    return min(len(answer) + 1, limit)


class Meter:
    """Counts tokens per puzzle; the language model and the verifier of a search share one meter."""

    def __init__(self) -> None:
        self.generated: Counter[Puzzle] = Counter()
        self.read: Counter[Puzzle] = Counter()

    def cost(self, puzzle: Puzzle, evaluated: int = 0) -> Cost:
        """Return what a puzzle has cost so far, with the number of states that were evaluated."""
        return Cost(self.generated[puzzle], self.read[puzzle], evaluated)
