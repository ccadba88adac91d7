"""Countdown that no model was trained on: the Game of 24, and five numbers.

The Game of 24 asks for 24 from four cards of 1 to 13. Division is absent here, as in all of
countdown: of 1,820 sets of cards, 1,163 can make 24 with +, - and * alone, by results from 1 to
199. In training a model has seen the target 24 with other numbers, so two parts are new to it: the
132 sets that were held out, and the 242 solvable sets with a 13, which no training puzzle has.

With five numbers, 319,501 of the 393,120 pairs of a multiset and a target can be solved (81 %), but
random play wins only 0.8 % of them: the hard level, on which searches differ.
"""

from itertools import combinations_with_replacement

import numpy as np

from gpt.errors import BadInput
from reasoning.tasks.countdown import (
    LARGEST_NUMBER,
    TARGETS,
    Puzzle,
    PuzzleSplit,
    all_puzzles,
    is_solvable,
)

LARGEST_CARD = 13
GAME_OF_24 = range(24, 25)
"""The only target."""
MOST_NUMBERS = 5
"""Numbers of the largest puzzles; more have too many states for exact values."""


def game_of_24() -> list[Puzzle]:
    """Return all 1,163 sets of four cards that can make 24."""
    return list(all_puzzles(4, LARGEST_CARD, GAME_OF_24))


def held_out_game_of_24(split: PuzzleSplit) -> list[Puzzle]:
    """Return the puzzles of 24 whose numbers were held out."""
    return [puzzle for puzzle in split.held_out if puzzle.target in GAME_OF_24]


def game_of_24_with_13() -> list[Puzzle]:
    """Return the 242 puzzles of 24 that have a 13 among their numbers."""
    return [puzzle for puzzle in game_of_24() if LARGEST_CARD in puzzle.numbers]


def sample_puzzles(n_numbers: int, n: int, seed: int = 0) -> list[Puzzle]:
    """Draw `n` different solvable puzzles of three to five numbers, in random order.

    Multisets are equally likely, and so are the targets of each: a puzzle without a solution is
    drawn again.

    Raises:
        BadInput: n_numbers is not 3 to 5, or there are fewer than twice as many puzzles.
    """
    if not 3 <= n_numbers <= MOST_NUMBERS:
        raise BadInput(f"n_numbers must lie between 3 and {MOST_NUMBERS}, got {n_numbers}")
    numbers = range(1, LARGEST_NUMBER + 1)
    multisets = list(combinations_with_replacement(numbers, n_numbers))
    if not 1 <= n <= 3 * len(multisets):  # far below the number of solvable puzzles
        raise BadInput(
            f"n must lie between 1 and {3 * len(multisets)} with {n_numbers} numbers, got {n}"
        )
    random = np.random.default_rng(seed)
    puzzles: dict[Puzzle, None] = {}
    while len(puzzles) < n:
        drawn = random.permutation(multisets[random.integers(len(multisets))]).tolist()
        puzzle = Puzzle(tuple(drawn), int(random.choice(TARGETS)))
        if is_solvable(puzzle):
            puzzles[puzzle] = None
    return list(puzzles)
