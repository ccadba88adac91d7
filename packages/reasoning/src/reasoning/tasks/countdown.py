"""Countdown: combine all given numbers by +, - and * into a target.

A move replaces two numbers by their sum, difference or product, which must lie between 1 and 199.
With four numbers, three moves leave one number; if it is the target, the puzzle is solved. The game
is so small that every question about it has an exact answer: of the 1,365 multisets of four numbers
from 1 to 12, all but four can reach a target from 10 to 99, and 48,407 puzzles can be solved.
"""

from collections.abc import Iterable
from functools import cache
from itertools import combinations, combinations_with_replacement
from typing import NamedTuple

import numpy as np

from gpt.errors import BadInput
from reasoning.tasks.expressions import Expression

LARGEST_RESULT = 199
"""Largest number that a move may leave; the model has one token for each number up to it."""
LARGEST_NUMBER = 12
"""Largest given number."""
TARGETS = range(10, 100)
"""Targets of puzzles."""

Numbers = tuple[int, ...]
"""Numbers that are left, in any order; after a move they are sorted."""


class Move(NamedTuple):
    """Two numbers, an operator and their result; the larger number comes first."""

    left: int
    operator: str
    right: int
    result: int


class Puzzle(NamedTuple):
    """Numbers that must all be used once, and the target."""

    numbers: Numbers
    target: int


def calculate(left: int, operator: str, right: int) -> int:
    """Return left + right, left - right or left * right."""
    return {"+": left + right, "-": left - right, "*": left * right}[operator]


@cache
def legal_moves(numbers: Numbers) -> tuple[Move, ...]:
    """Return the moves that the rules allow, each once, although numbers may be equal."""
    pairs = {(large, small) for small, large in combinations(sorted(numbers), 2)}
    moves = (
        Move(left, operator, right, calculate(left, operator, right))
        for left, right in sorted(pairs)
        for operator in "+-*"
    )
    return tuple(move for move in moves if 0 < move.result <= LARGEST_RESULT)


def after_move(numbers: Numbers, move: Move) -> Numbers:
    """Return the numbers that are left after a move."""
    left = list(numbers)
    left.remove(move.left)
    left.remove(move.right)
    return tuple(sorted([*left, move.result]))


@cache
def reachable_results(numbers: Numbers) -> frozenset[int]:
    """Return every number that can be left at the end: dynamic programming over the states."""
    if len(numbers) == 1:
        return frozenset(numbers)
    ends = (reachable_results(after_move(numbers, move)) for move in legal_moves(numbers))
    return frozenset().union(*ends)


def is_solvable(puzzle: Puzzle) -> bool:
    """Whether some sequence of moves reaches the target: the exact value V* of a state."""
    return puzzle.target in reachable_results(puzzle.numbers)


@cache
def winning_moves(puzzle: Puzzle) -> tuple[Move, ...]:
    """Return the moves after which the puzzle can still be solved."""
    return tuple(
        move
        for move in legal_moves(puzzle.numbers)
        if is_solvable(Puzzle(after_move(puzzle.numbers, move), puzzle.target))
    )


def sample_solution(puzzle: Puzzle, random: np.random.Generator) -> list[Move]:
    """Return moves that solve the puzzle; each is drawn from the winning moves with equal chances.

    Raises:
        BadInput: the puzzle has no solution.
    """
    if not is_solvable(puzzle):
        raise BadInput(f"{puzzle.target} cannot be made of {puzzle.numbers}")
    numbers, moves = puzzle.numbers, []
    while len(numbers) > 1:
        choices = winning_moves(Puzzle(numbers, puzzle.target))
        moves.append(choices[random.integers(len(choices))])
        numbers = after_move(numbers, moves[-1])
    return moves


def sample_miss(puzzle: Puzzle, random: np.random.Generator) -> list[Move]:
    """Return random legal moves that end at another number than the target.

    Raises:
        BadInput: no sequence of moves ends at another number.
    """
    if reachable_results(puzzle.numbers) <= {puzzle.target}:
        raise BadInput(f"{puzzle.numbers} cannot end at another number than {puzzle.target}")
    while True:
        numbers, moves = puzzle.numbers, []
        while choices := legal_moves(numbers):
            moves.append(choices[random.integers(len(choices))])
            numbers = after_move(numbers, moves[-1])
        if len(numbers) == 1 and numbers[0] != puzzle.target:
            return moves


@cache
def all_puzzles(
    n_numbers: int = 4, largest: int = LARGEST_NUMBER, targets: range = TARGETS
) -> tuple[Puzzle, ...]:
    """Return every puzzle that has a solution, in order of numbers and then of targets."""
    return tuple(
        Puzzle(numbers, target)
        for numbers in combinations_with_replacement(range(1, largest + 1), n_numbers)
        for target in targets
        if target in reachable_results(numbers)
    )


class PuzzleSplit(NamedTuple):
    """Puzzles to train on, and puzzles of other multisets."""

    train: tuple[Puzzle, ...]
    held_out: tuple[Puzzle, ...]


def split_by_multiset(
    puzzles: Iterable[Puzzle], n_held_out: int = 200, seed: int = 0
) -> PuzzleSplit:
    """Hold out all puzzles of some multisets of numbers.

    A split of single puzzles would leak: the same four numbers, and so the same moves, would be on
    both sides.

    Raises:
        BadInput: there are not more multisets than are held out.
    """
    puzzles = tuple(puzzles)
    multisets = sorted({multiset(puzzle) for puzzle in puzzles})
    if not 0 < n_held_out < len(multisets):
        raise BadInput(f"n_held_out must lie between 1 and {len(multisets) - 1}, got {n_held_out}")
    order = np.random.default_rng(seed).permutation(len(multisets))
    held_out = {multisets[number] for number in order[:n_held_out]}
    return PuzzleSplit(
        tuple(puzzle for puzzle in puzzles if multiset(puzzle) not in held_out),
        tuple(puzzle for puzzle in puzzles if multiset(puzzle) in held_out),
    )


def multiset(puzzle: Puzzle) -> Numbers:
    """Return the numbers of a puzzle, sorted: equal for all of their orders."""
    return tuple(sorted(puzzle.numbers))


def check_answer(puzzle: Puzzle, expression: Expression) -> str | None:
    """Return what is wrong with an answer, or None if it solves the puzzle.

    The expression must use every given number exactly once, and each of its operations must be a
    legal move.
    """
    used = sorted(number.value for number in expression.numbers())
    if used != sorted(puzzle.numbers):
        return f"it uses {', '.join(map(str, used))} and not {', '.join(map(str, puzzle.numbers))}"
    for operation in expression.operations():
        if operation.operator not in "+-*":
            return f"{operation.operator!r} is not an operator of this game"
        if not 0 < operation.value <= LARGEST_RESULT:
            return f"{operation} is {operation.value}, outside of 1 to {LARGEST_RESULT}"
    if expression.value != puzzle.target:
        return f"it is {expression.value} and not {puzzle.target}"
    return None
