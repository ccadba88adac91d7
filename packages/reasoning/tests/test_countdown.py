from itertools import combinations_with_replacement, permutations, product

import numpy as np
import pytest

from gpt.errors import BadInput
from reasoning.tasks.countdown import (
    Move,
    Puzzle,
    after_move,
    all_puzzles,
    calculate,
    check_answer,
    is_solvable,
    legal_moves,
    reachable_results,
    sample_miss,
    sample_solution,
    split_by_multiset,
    winning_moves,
)
from reasoning.tasks.expressions import parse_expression


def test_the_numbers_of_the_game():
    puzzles = all_puzzles()
    assert len(puzzles) == 48_407
    assert len({puzzle.numbers for puzzle in puzzles}) == 1_361


def test_three_numbers_by_trying_every_order():
    """Both trees, ((a b) c) and (c (a b)), over all orders of the numbers."""
    found = set()
    for numbers in combinations_with_replacement(range(1, 13), 3):
        for a, b, c in permutations(numbers):
            for first, second in product("+-*", repeat=2):
                inner = calculate(a, first, b)
                for end in (calculate(inner, second, c), calculate(c, second, inner)):
                    if 0 < inner <= 199 and 10 <= end <= 99:
                        found.add(Puzzle(numbers, end))
    assert found == set(all_puzzles(3))


def test_moves_by_hand():
    # no difference of 0, no result above 199, and equal numbers give each move once
    assert legal_moves((3, 3)) == (Move(3, "+", 3, 6), Move(3, "*", 3, 9))
    assert legal_moves((2, 150)) == (Move(150, "+", 2, 152), Move(150, "-", 2, 148))
    assert len(legal_moves((1, 1, 1))) == 2
    assert legal_moves((199, 199)) == ()
    assert after_move((3, 5, 5), Move(5, "-", 3, 2)) == (2, 5)


def test_the_results_of_two_and_of_three_numbers_by_hand():
    assert reachable_results((2, 5)) == {7, 3, 10}
    # of 7, 3 and 10 with 1; of 3, 1 and 2 with 5; of 6, 4 and 5 with 2
    assert reachable_results((1, 2, 5)) == {
        *(8, 6, 7, 4, 2, 3, 11, 9, 10),
        *(8, 2, 15, 6, 4, 5, 7, 3, 10),
        *(8, 4, 12, 6, 2, 7, 3, 10),
    }


def test_winning_moves_by_hand():
    # 11 = 5 * 2 + 1 = 12 - 1 is all: of 1, 2 and 5, only the product 10 leaves 11
    assert winning_moves(Puzzle((1, 2, 5), 11)) == (Move(5, "*", 2, 10),)
    assert is_solvable(Puzzle((1, 2, 5), 11)) and not is_solvable(Puzzle((1, 2, 5), 13))
    assert winning_moves(Puzzle((1, 2, 5), 13)) == ()


def test_solutions_reach_the_target_and_misses_do_not():
    random = np.random.default_rng(0)
    for puzzle in all_puzzles()[::997]:
        for moves, is_hit in (
            (sample_solution(puzzle, random), True),
            (sample_miss(puzzle, random), False),
        ):
            numbers = puzzle.numbers
            for move in moves:
                assert move in legal_moves(numbers)
                numbers = after_move(numbers, move)
            assert (numbers == (puzzle.target,)) is is_hit


def test_a_puzzle_without_a_solution_or_without_a_miss_is_refused():
    random = np.random.default_rng(0)
    with pytest.raises(BadInput, match=r"99 cannot be made of \(1, 1\)"):
        sample_solution(Puzzle((1, 1), 99), random)
    with pytest.raises(BadInput, match=r"\(7,\) cannot end at another number than 7"):
        sample_miss(Puzzle((7,), 7), random)


def test_no_multiset_is_on_both_sides_of_the_split():
    split = split_by_multiset(all_puzzles())
    train, held_out = ({puzzle.numbers for puzzle in side} for side in split)
    assert not train & held_out and len(held_out) == 200
    assert sorted([*split.train, *split.held_out]) == sorted(all_puzzles())
    assert split == split_by_multiset(all_puzzles())
    assert split.held_out != split_by_multiset(all_puzzles(), seed=1).held_out
    puzzles = [Puzzle((1, 2), 3), Puzzle((2, 1), 2), Puzzle((4, 5), 20)]
    assert {len(side) for side in split_by_multiset(puzzles, 1)} == {1, 2}  # orders stay together
    with pytest.raises(BadInput, match="between 1 and 1360, got 1361"):
        split_by_multiset(all_puzzles(), 1361)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("5 * 2 + 1", None),
        ("1 + 2 * 5", None),
        ("( 1 + 2 ) * 5", "it is 15 and not 11"),
        ("5 + 5 + 1", "it uses 1, 5, 5 and not 1, 2, 5"),
        ("11", "it uses 11 and not"),
        ("12 - 1", "it uses"),
        ("1 - 2 + 5", "1 - 2 is -1, outside"),
        ("-1 + 2 * 5", "- 1 is -1, outside"),
        ("5 / 2 + 1", "'/' is not an operator"),
    ],
)
def test_an_answer_is_checked_by_the_rules(text, fault):
    found = check_answer(Puzzle((1, 2, 5), 11), parse_expression(text))
    assert (found is None) if fault is None else (found is not None and fault in found)
