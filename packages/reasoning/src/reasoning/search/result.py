"""The result of a method on a puzzle: an answer, checked by the rules, and its cost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gpt.errors import BadInput
from reasoning.search.cost import Cost, Meter
from reasoning.search.evaluators import StateEvaluation
from reasoning.search.state import Moves, SearchState
from reasoning.start.traces import moves_as_expression
from reasoning.tasks.countdown import Numbers, Puzzle, check_answer
from reasoning.tasks.expressions import ExpressionError, parse_expression

_Node = TypeVar("_Node")
_Trees = TypeVar("_Trees")


@dataclass(frozen=True)
class Solution:
    """The answer of a method to a puzzle."""

    puzzle: Puzzle
    answer: str | None
    """An expression; None if the method found no answer."""
    cost: Cost

    @property
    def fault(self) -> str | None:
        """The rule of the game that the answer breaks, in words, or None if the answer is right."""
        if self.answer is None:
            return "there is no answer"
        try:
            return check_answer(self.puzzle, parse_expression(self.answer))
        except ExpressionError as error:
            return str(error)


@dataclass
class SearchTree(Generic[_Node]):
    """The tree of a search, and the complete attempts that it has seen."""

    puzzle: Puzzle
    root: _Node
    attempts: dict[Moves, float] = field(default_factory=dict)
    """Complete attempts with their values; those of rollouts need not be nodes of the tree."""
    evaluated: set[Numbers] = field(default_factory=set)
    """States that got a value, as the numbers that are left."""
    is_finished: bool = False
    """Set when `mcts` has ended for this puzzle, or a rollout of depth-first search exceeded the
    limit on states."""

    def add(self, state: SearchState, evaluation: StateEvaluation, limit: int | None) -> bool:
        """Record an evaluation, or return False if the tree would then exceed `limit` states."""
        # the state itself, and every state that a rollout from it passed through
        states = {state.numbers} | {
            SearchState(self.puzzle, moves[:n]).numbers
            for moves in evaluation.attempts
            for n in range(len(state.moves) + 1, len(moves) + 1)
        }
        evaluated = self.evaluated | states
        if limit is not None and len(evaluated) > limit:
            return False
        self.evaluated = evaluated
        self.attempts |= evaluation.attempts
        return True

    @property
    def best_attempt(self) -> Moves | None:
        """The complete attempt with the highest value, the first of equals; None if all have 0."""
        best = max(self.attempts, key=lambda moves: self.attempts[moves], default=None)
        return None if best is None or self.attempts[best] == 0 else best

    @property
    def best_value(self) -> float:
        """The value of the best attempt, or 0."""
        return max(self.attempts.values(), default=0.0)

    def solution(self, meter: Meter) -> Solution:
        """Return the best attempt as an answer, with everything that the puzzle has cost so far."""
        moves = self.best_attempt
        answer = None if moves is None else moves_as_expression(self.puzzle, moves)
        return Solution(self.puzzle, answer, meter.cost(self.puzzle, len(self.evaluated)))


def final_trees(search: Iterator[_Trees]) -> _Trees:
    """Run a search to its end and return its last trees.

    Raises:
        BadInput: the search has no step.
    """
    trees = None
    for trees in search:  # noqa: B007 (the last one counts)
        pass
    if trees is None:
        raise BadInput("a search of no puzzles has no trees")
    return trees


def check_distinct(puzzles: Sequence[Puzzle]) -> None:
    """Refuse a puzzle that is given twice: trees and costs are kept by puzzle.

    Raises:
        BadInput: a puzzle is given more than once.
    """
    [(puzzle, n)] = Counter(puzzles).most_common(1) or [(None, 1)]
    if n > 1:
        raise BadInput(f"{puzzle} is given {n} times; a search takes each puzzle once")
