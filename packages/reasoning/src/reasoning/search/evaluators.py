"""Evaluators of states: by an estimate, by playing to the end, or exactly at the end.

An evaluator says whether it uses the end test, which knows if a complete attempt wins. Without the
end test, a search sees only estimates, as for problems whose answers nobody can check. The rules
are known in any case: a state that is stuck, with several numbers and no legal move, has value 0.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from reasoning.search.model import MovePolicy, StateValue
from reasoning.search.state import Moves, SearchState
from reasoning.tasks.countdown import Numbers, Puzzle, legal_moves


class StateEvaluation(NamedTuple):
    """The value of a state, and the complete attempts that the evaluation saw."""

    value: float
    attempts: dict[Moves, float]
    """The value of each complete attempt: the state itself if it is terminal, or its rollouts."""


@runtime_checkable
class Evaluator(Protocol):
    """Evaluates states of many puzzles at once."""

    @property
    def uses_end_test(self) -> bool:
        """Whether the value of a complete attempt is exact: 1 if it wins and 0 if not."""
        ...

    def __call__(self, states: Sequence[SearchState]) -> list[StateEvaluation]:
        """Return the evaluation of each state."""
        ...


class Estimates:
    """Evaluates by a `StateValue`, such as a verifier.

    The value is computed once per set of numbers that are left: other moves that leave the same
    numbers get the value of the moves that were evaluated first.
    """

    def __init__(self, value: StateValue, uses_end_test: bool) -> None:
        self.value, self.uses_end_test = value, uses_end_test
        self.known: dict[tuple[Puzzle, Numbers], float] = {}

    def __call__(self, states: Sequence[SearchState]) -> list[StateEvaluation]:
        """Return the estimate of each state; with the end test, the exact value at the end."""
        unknown: dict[tuple[Puzzle, Numbers], SearchState] = {}
        for state in states:
            key = state.puzzle, state.numbers
            if state.is_terminal and self.uses_end_test:
                self.known[key] = float(state.is_won)
            elif not state.is_terminal and not legal_moves(state.numbers):
                self.known[key] = 0.0
            elif key not in self.known:
                unknown.setdefault(key, state)
        if unknown:
            self.known |= zip(unknown, self.value(list(unknown.values())), strict=True)
        values = [self.known[state.puzzle, state.numbers] for state in states]
        return [
            StateEvaluation(value, {state.moves: value} if state.is_terminal else {})
            for state, value in zip(states, values, strict=True)
        ]


class Rollouts:
    """Evaluates by rollouts: a state's value is the share of its sampled endings that win.

    The end test decides which endings win. With many rollouts, the share approaches V^pi of the
    policy that plays.
    """

    uses_end_test = True

    def __init__(self, policy: MovePolicy, n_rollouts: int = 1) -> None:
        self.policy, self.n_rollouts = policy, n_rollouts

    def __call__(self, states: Sequence[SearchState]) -> list[StateEvaluation]:
        """Play each state to its end; an ending that breaks the rules counts as lost."""
        evaluations = []
        endings = self.policy.sample_endings(states, self.n_rollouts)
        for state, sampled in zip(states, endings, strict=True):
            ends = [SearchState(state.puzzle, (*state.moves, *ending)) for ending in sampled]
            value = sum(end.is_won for end in ends) / self.n_rollouts
            evaluations.append(
                StateEvaluation(value, {end.moves: float(end.is_won) for end in ends})
            )
        return evaluations


class SequenceChance:
    """A `StateValue` that needs only a policy: the chance of all moves so far.

    With this value, breadth-first search is the ordinary beam search of language models.
    """

    def __init__(self, policy: MovePolicy) -> None:
        self.policy = policy

    def __call__(self, states: Sequence[SearchState]) -> list[float]:
        """Return the product of the chances of the moves of each state."""
        before = list(dict.fromkeys(each for state in states for each in states_before(state)))
        chances = dict(zip(before, self.policy.move_chances(before), strict=True))
        values = []
        for state in states:
            path = zip(states_before(state), state.moves, strict=True)
            values.append(math.prod((chances[each][move] for each, move in path), start=1.0))
        return values


def states_before(state: SearchState) -> list[SearchState]:
    """Return the state before each move of a state, from the root on."""
    return [SearchState(state.puzzle, state.moves[:n]) for n in range(len(state.moves))]
