from itertools import combinations_with_replacement

import numpy as np
import pytest

from gpt.errors import BadInput
from reasoning.tasks.countdown import TARGETS, all_puzzles, is_solvable, multiset, reachable_results
from reasoning.tasks.countdown import split_by_multiset as split
from reasoning.tasks.exact import random_play_value
from reasoning.tasks.transfer import (
    game_of_24,
    game_of_24_with_13,
    held_out_game_of_24,
    sample_puzzles,
)


def test_the_game_of_24_has_these_counts():
    puzzles, with_13 = game_of_24(), game_of_24_with_13()
    assert len(list(combinations_with_replacement(range(1, 14), 4))) == 1820
    assert len(puzzles) == 1163 and len(with_13) == 242
    assert all(puzzle.target == 24 and is_solvable(puzzle) for puzzle in puzzles)
    # 3 3 8 8 needs division: 8 / (3 - 8 / 3)
    assert not any(puzzle.numbers == (3, 3, 8, 8) for puzzle in puzzles)
    assert any(puzzle.numbers == (1, 1, 11, 13) for puzzle in with_13)


def test_held_out_sets_are_not_those_of_training():
    both = split(all_puzzles(4))
    held_out = held_out_game_of_24(both)
    trained = {multiset(puzzle) for puzzle in both.train}
    assert len(held_out) == 132
    assert not trained & {multiset(puzzle) for puzzle in [*held_out, *game_of_24_with_13()]}


def test_five_numbers_are_solvable_and_hard():
    puzzles = sample_puzzles(5, 300)
    assert len(set(puzzles)) == 300 and all(map(is_solvable, puzzles))
    assert sample_puzzles(5, 10) == puzzles[:10] != sample_puzzles(5, 10, seed=1)
    assert 0.005 < np.mean([float(random_play_value(puzzle)) for puzzle in puzzles]) < 0.011
    three = [float(random_play_value(puzzle)) for puzzle in sample_puzzles(3, 300)]
    assert 0.06 < np.mean(three) < 0.09


@pytest.mark.slow
def test_most_targets_can_be_made_of_five_numbers():
    multisets = list(combinations_with_replacement(range(1, 13), 5))
    solvable = sum(len(reachable_results(numbers) & set(TARGETS)) for numbers in multisets)
    assert (len(multisets) * len(TARGETS), solvable) == (393_120, 319_501)


@pytest.mark.parametrize("arguments", [(2, 1), (6, 1), (3, 0), (3, 5000)])
def test_impossible_requests_are_refused(arguments):
    with pytest.raises(BadInput, match="must lie between"):
        sample_puzzles(*arguments)
